// Package lambda runs Lambda functions on this machine: the binaries that are
// deployed, as child processes, behind the Lambda Runtime API.
//
// Each function has a pool of processes. A process handles one invocation at a
// time; when none is free another is started, which is a real cold start. A
// process that crashes or overruns its time is gone, and the next invocation
// gets a fresh one. Every process has a Runtime API of its own, on its own
// loopback port, so a response can only come from the process that was asked.
//
// What differs from Lambda: memory is not limited, a process is not frozen
// between invocations, and idle processes stay until the service is closed.
package lambda
