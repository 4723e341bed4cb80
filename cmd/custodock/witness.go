package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/internal/notify"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/witness/server"
)

const (
	defaultWitness = "127.0.0.1:7380"
	witnessAnswer  = 10 * time.Second
	maxStatus      = 16 << 20 // bytes
	maxLogList     = 1 << 20  // bytes
)

// witnessCall is what the witness commands are asked.
type witnessCall struct {
	listen, name, logFile, at string
	logs, from                []string
	keep                      bool
}

func (a *app) witnessCmd() *cobra.Command {
	var c witnessCall
	cmd := &cobra.Command{
		Use:   "witness",
		Short: a.say("cmd.witness"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.witness(cmd.Context(), c)
		},
	}
	cmd.Flags().StringVar(&c.listen, "listen", defaultWitness, a.say("flag.listen"))
	cmd.Flags().StringArrayVar(&c.logs, "log", nil, a.say("flag.log"))
	cmd.Flags().StringVar(&c.logFile, "logs", "", a.say("flag.logs"))
	cmd.Flags().BoolVar(&c.keep, "keep", false, a.say("flag.keep"))
	cmd.Flags().StringArrayVar(&c.from, "from", nil, a.say("flag.keep.from"))
	cmd.PersistentFlags().StringVar(&c.name, "name", "", a.say("flag.name"))
	key := &cobra.Command{
		Use:   "key",
		Short: a.say("cmd.witness.key"),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key, err := server.Key(a.witnessState(), c.name)
			if err != nil {
				return err
			}
			return a.printKey(key.Key().String())
		},
	}
	status := &cobra.Command{
		Use:   "status",
		Short: a.say("cmd.witness.status"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.witnessStatus(cmd.Context(), c.at)
		},
	}
	status.Flags().StringVar(&c.at, "at", "", a.say("flag.at"))
	cmd.AddCommand(key, status, a.witnessAskCmd())
	return cmd
}

// witnessState is --state, else a folder beside the dock's: a witness has a state
// of its own.
func (a *app) witnessState() string {
	if a.flags.state != "" {
		return a.state
	}
	return a.state + "-witness"
}

// witness serves until ctx ends.
func (a *app) witness(ctx context.Context, c witnessCall) error {
	logs, err := readLogs(c.logFile)
	if err != nil {
		return err
	}
	if logs = append(logs, c.logs...); len(logs) == 0 {
		return usagef("which logs? give --log with the line that custodock key show prints, or --logs FILE with such lines")
	}
	if c.keep != (len(c.from) > 0) {
		return usagef("--keep needs --from, the store where the logs are published, and --from needs --keep")
	}
	keep, done, err := a.keepFrom(ctx, c.from)
	if err != nil {
		return err
	}
	defer done()
	state := a.witnessState()
	w, err := server.Open(server.Options{Dir: state, Name: c.name, Logs: logs, Keep: keep, Now: a.now, Log: a.daemonLogger()})
	if err != nil {
		return err
	}
	return errors.Join(a.serveWitness(ctx, w, c.listen, state), w.Close())
}

// keepFrom opens the stores that logs are mirrored from.
func (a *app) keepFrom(ctx context.Context, urls []string) (out []store.Reader, done func(), err error) {
	var open []reader
	done = func() {
		for _, r := range open {
			_ = r.Close()
		}
	}
	for _, raw := range urls {
		cfg, err := a.from(raw)
		if err == nil {
			var r reader
			if r, err = a.reader(ctx, cfg); err == nil {
				open, out = append(open, r), append(out, r)
			}
		}
		if err != nil {
			done()
			return nil, nil, err
		}
	}
	return out, done, nil
}

func (a *app) serveWitness(ctx context.Context, w *server.Witness, listen, state string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("serve the witness: %w: choose another address with --listen", err)
	}
	address := "http://" + l.Addr().String()
	err = durable.WriteFile(filepath.Join(state, "address"), []byte(address+"\n"), 0o600)
	if err == nil && a.flags.json {
		err = a.printJSON(map[string]any{"ready": map[string]string{"witness": w.Key().String(), "address": address}})
	} else if err == nil {
		err = a.println(a.say("witness.ready", message.Line(w.Key().Name()), w.Watched(), address))
	}
	if err = errors.Join(err, notify.Send(a.env, "READY=1\nSTATUS="+message.Line(w.Key().Name()))); err != nil {
		return errors.Join(err, l.Close())
	}
	return w.Serve(ctx, l)
}

// readLogs reads verifier keys, one a line; lines that begin with # are comments.
func readLogs(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the list of logs: %w", err)
	}
	defer func() { _ = f.Close() }()
	var out []string
	lines := bufio.NewScanner(io.LimitReader(f, maxLogList))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out, lines.Err()
}

// witnessStatus asks the witness itself: its state is its own while it runs.
func (a *app) witnessStatus(ctx context.Context, at string) error {
	if at == "" {
		b, err := os.ReadFile(filepath.Join(a.witnessState(), "address"))
		if err != nil {
			return fmt.Errorf("find the witness: %w: start it with custodock witness, or name another with --at", bare(err))
		}
		at = strings.TrimSpace(string(b))
	}
	ctx, cancel := context.WithTimeout(ctx, witnessAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at, "/")+"/status", nil)
	if err != nil {
		return usagef("--at %s: write its address, such as http://%s", message.Safe(at), defaultWitness)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the witness: %w: see whether it runs", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	if err != nil {
		return fmt.Errorf("ask the witness: %w", err)
	}
	var s server.Status
	if err := json.Unmarshal(b, &s); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the witness: it answers %s: what answers is no witness of custodock", resp.Status)
	}
	if a.flags.json {
		return a.printJSON(s)
	}
	t := newTable(a.say("witness.log"), a.say("witness.entries"), a.say("witness.last"), a.say("witness.note")).alignRight(1)
	for _, r := range s.Rows(a.lang) {
		t.add(r.Log, strconv.FormatInt(r.Size, 10), r.Last, r.Note)
		for _, words := range r.Kept {
			t.add("", "", words, "")
		}
	}
	_, err = fmt.Fprintf(a.out, "%s\n%s", message.Line(s.Witness), t)
	return err
}
