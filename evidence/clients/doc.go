// Package clients tries the embedded DynamoDB with clients that know nothing of
// it: the SDKs for Python and JavaScript, the AWS CLI, and object mappers in
// three languages. Each program does with it what its client is made for, fails
// if an answer is not what the service would give, and takes everything it needs
// to find the engine from its environment.
package clients
