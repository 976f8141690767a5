package contract_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// privilege is an action on a table, and the function that takes it.
type privilege struct{ function, action, table string }

func (p privilege) String() string {
	return fmt.Sprintf("%s: dynamodb:%s on %s", p.function, p.action, p.table)
}

// privileges collects what the functions of all stacks do while the tests run.
type privileges struct {
	mu   sync.Mutex
	seen map[privilege]bool
}

var taken = privileges{seen: make(map[privilege]bool)}

func (p *privileges) observe(event dynamolocal.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range event.Actions {
		p.seen[privilege{event.AccessKeyID, a.Action, a.Table}] = true
	}
}

// everythingRan reports whether no test was left out: only then nothing that a role
// allows can have gone unused.
func everythingRan() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// unused is what roles allow though no request to the demo needs it.
var unused = []struct{ action, table, why string }{
	{"GetItem", "IdempotencyTable", "a response of more than 4 KB is kept beside its record and read from there; none of the demo's is that long"},
}

// comparePrivileges compares what each function did over all tests with what its
// role in the template allows: nothing may be missing, and nothing be allowed that
// is not needed. Tables are the names of the tables by logical id.
func comparePrivileges(tables map[string]string) error {
	allowed, err := allowedPrivileges(tables)
	if err != nil {
		return err
	}
	taken.mu.Lock()
	defer taken.mu.Unlock()
	var did []string
	for p := range taken.seen {
		if slices.ContainsFunc(allowed, func(a privilege) bool { return a.function == p.function }) { // and not a test itself
			did = append(did, p.String())
		}
	}
	var may []string
	for _, p := range allowed {
		if !spare(p) {
			may = append(may, p.String())
		}
	}
	slices.Sort(did)
	slices.Sort(may)
	if diff := cmp.Diff(may, did); diff != "" {
		return fmt.Errorf("the functions' roles and what the functions do differ (-allowed +done):\n%s", diff)
	}
	return nil
}

// spare reports whether a function that writes records is allowed what none of its
// requests needs. What it does all the same is reported.
func spare(p privilege) bool {
	if p.function == "activity" || taken.seen[p] {
		return false
	}
	for _, u := range unused {
		if p.action == u.action && strings.Contains(p.table, u.table) {
			return true
		}
	}
	return false
}

type resource struct {
	Type       string
	Properties json.RawMessage
}

// getAtt is {"Fn::GetAtt": [logical id, attribute]}.
type getAtt struct {
	Attribute []string `json:"Fn::GetAtt"`
}

func (g getAtt) id() string {
	if len(g.Attribute) == 0 {
		return ""
	}
	return g.Attribute[0]
}

// allowedPrivileges reads the roles of the functions in the template.
func allowedPrivileges(tables map[string]string) ([]privilege, error) {
	text, err := os.ReadFile(template)
	if err != nil {
		return nil, err
	}
	var document struct{ Resources map[string]resource }
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	functionOf := map[string]string{} // by role
	for _, r := range document.Resources {
		if r.Type != "AWS::Lambda::Function" {
			continue
		}
		var function struct {
			Handler string
			Role    getAtt
		}
		if err := json.Unmarshal(r.Properties, &function); err != nil {
			return nil, err
		}
		functionOf[function.Role.id()] = function.Handler
	}
	var allowed []privilege
	for _, r := range document.Resources {
		if r.Type != "AWS::IAM::Policy" {
			continue
		}
		granted, err := tableActions(r.Properties, tables)
		if err != nil {
			return nil, err
		}
		for role, actions := range granted {
			for _, a := range actions {
				allowed = append(allowed, privilege{functionOf[role], a.Action, a.Table})
			}
		}
	}
	if len(allowed) == 0 {
		return nil, errors.New("the template allows no function anything")
	}
	return allowed, nil
}

// tableActions returns what a policy allows on tables, by role.
func tableActions(properties json.RawMessage, tables map[string]string) (map[string][]dynamolocal.TableAction, error) {
	var policy struct {
		Roles          []struct{ Ref string }
		PolicyDocument struct {
			Statement []struct {
				Action   oneOrMore[string]
				Resource oneOrMore[json.RawMessage]
			}
		}
	}
	if err := json.Unmarshal(properties, &policy); err != nil {
		return nil, err
	}
	var actions []dynamolocal.TableAction
	for _, statement := range policy.PolicyDocument.Statement {
		for _, action := range statement.Action {
			name, ok := strings.CutPrefix(action, "dynamodb:")
			if !ok {
				continue
			}
			for _, on := range statement.Resource {
				var table getAtt
				if err := json.Unmarshal(on, &table); err != nil || tables[table.id()] == "" {
					return nil, fmt.Errorf("%s is allowed on %s, which is none of %v", action, on, slices.Sorted(maps.Keys(tables)))
				}
				actions = append(actions, dynamolocal.TableAction{Action: name, Table: tables[table.id()]})
			}
		}
	}
	granted := make(map[string][]dynamolocal.TableAction)
	for _, role := range policy.Roles {
		granted[role.Ref] = actions
	}
	return granted, nil
}

// oneOrMore is a list, which IAM writes as its element where there is one.
type oneOrMore[T any] []T

func (l *oneOrMore[T]) UnmarshalJSON(text []byte) error {
	if strings.HasPrefix(string(text), "[") {
		return json.Unmarshal(text, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(text, &(*l)[0])
}
