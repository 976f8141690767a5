package stack_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// callHandler runs spa.js once per URI of a JSON list on its standard input,
// in a context without anything of Node's, as CloudFront offers nothing of it.
const callHandler = `
const { readFileSync } = require('node:fs');
const { runInNewContext } = require('node:vm');
const uris = JSON.parse(readFileSync(0, 'utf8'));
const handler = runInNewContext(readFileSync('spa.js', 'utf8') + '; handler');
console.log(JSON.stringify(uris.map((uri) => handler({ request: { method: 'GET', uri, headers: {} } }).uri)));
`

func TestPageRoutes(t *testing.T) {
	t.Parallel()
	const page = "/index.html"
	tests := []struct{ uri, want string }{
		{"/", page},
		{"/history", page},
		{"/scenarios/burst", page},
		{"/scenarios/burst/", page},
		{"/v1.2/history", page}, // a dot in a folder names no file
		{"/index.html", page},
		{"/config.json", "/config.json"},
		{"/assets/index-3fa9.js", "/assets/index-3fa9.js"},
		{"/.well-known/security.txt", "/.well-known/security.txt"},
		{"/missing.js", "/missing.js"}, // 404, and not the page as a script
	}
	var uris, want []string
	for _, test := range tests {
		uris = append(uris, test.uri)
		want = append(want, test.want)
	}
	input, err := json.Marshal(uris)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", callHandler) // CDK needs Node, so it is there
	node.Stdin, node.Stderr = bytes.NewReader(input), os.Stderr
	output, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := json.Unmarshal(output, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is served for %v (-want +got):\n%s", uris, diff)
	}
}
