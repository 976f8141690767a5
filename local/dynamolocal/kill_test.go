package dynamolocal_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// serveFile is the variable of the environment that turns this test binary into
// a server of the data file that it names.
const serveFile = "DYNAMOLOCAL_SERVE_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(serveFile); path != "" {
		if err := serveProcess(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

func serveProcess(path string) error {
	engine, err := dynamolocal.New(dynamolocal.Config{File: path})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	return http.Serve(listener, engine)
}

// process is an engine in a process of its own.
type process struct {
	*server
	command *exec.Cmd
}

func startProcess(t *testing.T, path string) *process {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), serveFile+"="+path)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the process does not serve: %v", err)
	}
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(strings.TrimSpace(line)), Region: "eu-west-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "secret", ""),
	})
	return &process{server: &server{Client: client}, command: command}
}

// Ten times the process is killed under eight writers. Whatever it had
// answered is there afterwards, and of no transaction there is half.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	const (
		rounds  = 10
		writers = 8
		enough  = 120 // writes that are answered before the process is killed
	)
	path := filepath.Join(t.TempDir(), "data")
	var acknowledged sync.Map
	for round := range rounds {
		p := startProcess(t, path)
		if round == 0 {
			p.table(t, "items", false)
		}
		var (
			written atomic.Int64
			killed  = make(chan struct{})
			once    sync.Once
			group   sync.WaitGroup
		)
		for writer := range writers {
			group.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-killed:
						return
					default:
					}
					name := fmt.Sprintf("%d-%d-%d", round, writer, i)
					if p.writePair(t, name, writer%2 == 0) != nil {
						return // the process has been killed
					}
					acknowledged.Store(name, true)
					if written.Add(1) == enough {
						once.Do(func() { close(killed) })
						if err := p.command.Process.Kill(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		group.Wait()
		_ = p.command.Wait()
		if written.Load() < enough {
			t.Fatalf("round %d: only %d writes were answered", round, written.Load())
		}
	}

	p := startProcess(t, path)
	found := make(map[string]bool)
	for pages := dynamodb.NewScanPaginator(p, &dynamodb.ScanInput{TableName: aws.String("items")}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			found[it["pk"].(*types.AttributeValueMemberS).Value] = true
		}
	}
	count := 0
	acknowledged.Range(func(name, _ any) bool {
		count++
		if !found[name.(string)+"-a"] {
			t.Errorf("%s was answered and is lost", name)
		}
		return true
	})
	if count < rounds*enough {
		t.Errorf("only %d writes were answered", count)
	}
	for name := range found {
		if half, ok := strings.CutSuffix(name, "-b"); ok && !found[half+"-a"] {
			t.Errorf("of the transaction %s there is half", half)
		}
	}
}

// writePair puts an item, or two of them in a transaction.
func (p *process) writePair(t *testing.T, name string, transaction bool) error {
	a, b := item{"pk": str(name + "-a")}, item{"pk": str(name + "-b")}
	if !transaction {
		return p.put(t, "items", a)
	}
	_, err := p.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: aws.String("items"), Item: b}}, {Put: &types.Put{TableName: aws.String("items"), Item: a}},
	}})
	return err
}
