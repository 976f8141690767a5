package pgstore_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
	"github.com/idempotent-requests/idempotent-requests/idempotency"
	"github.com/idempotent-requests/idempotent-requests/idempotency/pgstore"
)

// application is the environment variable that makes the test's program an
// application, which a test can kill.
const application = "PGSTORE_TEST_APPLICATION"

func TestMain(m *testing.M) {
	if settings := os.Getenv(application); settings != "" {
		if err := runApplication(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// settings are those of an application.
type settings struct {
	URL      string
	Table    string
	Mode     idempotency.Mode
	Recovery idempotency.Recovery
}

const (
	processes = 4
	callers   = 10 // of each process
	keys      = 30
	kills     = 15
)

// runApplication places the order of every key, by many callers at once, and
// writes a line for each that it was given a result.
func runApplication(text string) error {
	var set settings
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return err
	}
	pool, err := pgxpool.New(context.Background(), set.URL+" pool_max_conns=14")
	if err != nil {
		return err
	}
	store, err := pgstore.NewAtomic(pool, pgstore.Table(set.Table), unhurried)
	if err != nil {
		return err
	}
	guard, err := idempotency.New(idempotency.Config{
		Store: store, Mode: set.Mode, Recovery: set.Recovery, CacheEntries: -1,
		Lease: 3 * time.Second, Skew: -1, Wait: 50 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	order := func(ctx context.Context) (idempotency.Result, error) {
		e, _ := idempotency.FromContext(ctx)
		const sql = "INSERT INTO %s_orders (key) VALUES ($1) RETURNING number"
		var number int64
		row := pool.QueryRow
		if set.Mode == idempotency.Atomic {
			row = pgstore.TxFrom(ctx).QueryRow
		}
		if err := row(ctx, fmt.Sprintf(sql, set.Table), e.ID()).Scan(&number); err != nil {
			return idempotency.Result{}, err
		}
		time.Sleep(rand.N(10 * time.Millisecond)) // a kill should find many in between
		return idempotency.Result{Data: fmt.Append(nil, number)}, nil
	}
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for _, n := range rand.Perm(keys) {
				for {
					outcome, err := guard.Do(context.Background(), applicationRequest(n), order)
					if errors.Is(err, idempotency.ErrOutcomeUnknown) {
						fmt.Printf("%d unknown\n", n)
						break
					}
					if err == nil {
						fmt.Printf("%d %s\n", n, outcome.Data)
						break
					}
					if busy, ok := errors.AsType[*idempotency.InProgressError](err); ok {
						time.Sleep(min(busy.RetryAfter, 50*time.Millisecond))
					}
				}
			}
		})
	}
	wg.Wait()
	return nil
}

func applicationRequest(n int) idempotency.Request {
	key, err := idempotency.NewKey(idempotency.SharedScope(), "orders.create", fmt.Sprint(n))
	if err != nil {
		panic(err) // the arguments are ours
	}
	return idempotency.Request{Key: key, Fingerprint: "f"}
}

// kill starts processes, kills them again and again in the midst of their work,
// and returns what their callers were told, by key.
func kill(t *testing.T, set settings) (told map[string][]string) {
	t.Helper()
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		process int
		text    string
		ended   bool
	}
	lines := make(chan line)
	running := make([]*exec.Cmd, processes)
	start := func(i int) {
		command := exec.CommandContext(t.Context(), os.Args[0])
		command.Env = append(os.Environ(), application+"="+string(text))
		command.Stderr = os.Stderr
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		running[i] = command
		go func() {
			for scanner := bufio.NewScanner(output); scanner.Scan(); {
				lines <- line{i, scanner.Text(), false}
			}
			_ = command.Wait()
			lines <- line{process: i, ended: true}
		}()
	}
	for i := range processes {
		start(i)
	}
	told = make(map[string][]string)
	killed, sinceKill := 0, 0
	for alive := processes; alive > 0; {
		l := <-lines
		if l.ended {
			if killed < kills || running[l.process].ProcessState.ExitCode() != 0 {
				start(l.process) // a machine that comes back
				continue
			}
			alive--
			continue
		}
		if key, data, whole := strings.Cut(l.text, " "); whole {
			told[key] = append(told[key], data)
		}
		if sinceKill++; killed < kills && sinceKill > 10 {
			killed, sinceKill = killed+1, 0
			_ = running[rand.N(processes)].Process.Kill()
		}
	}
	return told
}

func TestKilledProcesses(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("killed processes leave leases that take seconds to end")
	}
	for name, test := range map[string]struct {
		mode     idempotency.Mode
		recovery idempotency.Recovery
		most     int // effects of one key
	}{
		"atomic":            {idempotency.Atomic, idempotency.Reexecute, 1},
		"leased, reexecute": {idempotency.Leased, idempotency.Reexecute, 1 + kills},
		"leased, refuse":    {idempotency.Leased, idempotency.Refuse, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := postgresserver.Shared(t)
			s := newShop(t, 0)
			table := s.table
			told := kill(t, settings{server.URL, table, test.mode, test.recovery})
			interrupted := 0
			for n := range keys {
				answers := told[fmt.Sprint(n)]
				if len(answers) < processes*callers {
					t.Errorf("key %d: %d callers were told something, want %d at least", n, len(answers), processes*callers)
					continue
				}
				unknown := 0
				for _, data := range answers {
					if data == "unknown" {
						unknown++
					}
				}
				rows, err := s.pool.Query(t.Context(), "SELECT number::text FROM "+s.orders+" WHERE key = $1", applicationRequest(n).Key.ID())
				if err != nil {
					t.Fatal(err)
				}
				effects := make(map[string]bool)
				for rows.Next() {
					var number string
					if err := rows.Scan(&number); err != nil {
						t.Fatal(err)
					}
					effects[number] = true
				}
				switch {
				case unknown > 0 && (test.recovery != idempotency.Refuse || unknown != len(answers) || len(effects) > 1):
					t.Errorf("key %d: told %v with %d effects", n, answers, len(effects))
				case unknown > 0:
					interrupted++
				case len(effects) < 1 || len(effects) > test.most:
					t.Errorf("key %d has %d effects, want 1 to %d", n, len(effects), test.most)
				}
				for _, data := range answers {
					if data != answers[0] || data != "unknown" && !effects[data] {
						t.Errorf("key %d: told %v, of the effects %v", n, answers, effects)
						break
					}
				}
				if len(effects) > 1 {
					interrupted++
				}
			}
			t.Logf("%d keys were interrupted after their claim", interrupted)
		})
	}
}
