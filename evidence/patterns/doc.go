// Package patterns holds the code that docs/patterns.md shows, so that it is
// compiled and run.
package patterns
