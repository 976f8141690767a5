// Package contract tests the HTTP API as its clients see it: the template that
// is deployed, run by the local stack with the functions' real binaries. Every
// request and response is held against docs/openapi.yaml.
//
// With API_URL set, such as https://d111111abcdef8.cloudfront.net, the tests run
// against that deployment instead. Tests in files named local_… reach into the
// stack and are skipped then; those that need the Demo-Fault header are skipped
// where it is ignored.
package contract
