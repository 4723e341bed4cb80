package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/authority"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

// authorityCall is what the commands of an authority are asked.
type authorityCall struct {
	dir, name, role, from, until, at, reason, out string
}

// authorityCmd is for the machine that no dock is: it needs no state.
func (a *app) authorityCmd() *cobra.Command {
	var c authorityCall
	cmd := a.group("authority", a.authorityInitCmd(&c), a.authorityKeyCmd(&c, "show", a.printKey), a.endorseCmd(&c), a.revokeCmd(&c),
		a.authorityKeyCmd(&c, "card", a.printCard))
	cmd.PersistentFlags().StringVar(&c.dir, "dir", "", a.say("flag.authority.dir"))
	return cmd
}

// open is the authority in --dir.
func (c *authorityCall) open() (*authority.Authority, error) {
	if c.dir == "" {
		return nil, usagef("name the authority's folder with --dir")
	}
	return authority.Open(c.dir)
}

func (a *app) authorityInitCmd(c *authorityCall) *cobra.Command {
	cmd := &cobra.Command{
		Use: "init --dir DIR --name NAME", Short: a.say("cmd.authority.init"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case c.dir == "":
				return usagef("name the folder to make with --dir: best on a medium of its own that lies in a safe")
			case !manifest.ValidIssuer(c.name):
				return usagef("--name %s: name who answers for the docks, such as county.example: no white space, no +, and no end like that of a log",
					message.Safe(c.name))
			}
			auth, err := authority.Init(c.dir, c.name, a.now())
			if err != nil {
				return err
			}
			return a.printKey(auth.Key())
		},
	}
	cmd.Flags().StringVar(&c.name, "name", "", a.say("flag.authority.name"))
	return cmd
}

// authorityKeyCmd prints the authority's key in one of its forms.
func (a *app) authorityKeyCmd(c *authorityCall, name string, print func(key string) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " --dir DIR", Short: a.say("cmd.authority." + name), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			auth, err := c.open()
			if err != nil {
				return err
			}
			return print(auth.Key())
		},
	}
}

func (a *app) endorseCmd(c *authorityCall) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "endorse KEY|CERTIFICATE --dir DIR --role ROLE --from DATE --until DATE [-o FILE]",
		Short: a.say("cmd.authority.endorse"), Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.endorse(*c, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVar(&c.role, "role", "", a.say("flag.role"))
	fl.StringVar(&c.from, "from", "", a.say("flag.valid.from"))
	fl.StringVar(&c.until, "until", "", a.say("flag.valid.until"))
	fl.StringVarP(&c.out, "output", "o", "", a.say("flag.note.output"))
	return cmd
}

func (a *app) endorse(c authorityCall, what string) error {
	from, err := parseDay("--from", c.from, false)
	if err != nil {
		return err
	}
	until, err := parseDay("--until", c.until, true)
	switch {
	case err != nil:
		return err
	case until.Before(from):
		return usagef("--until %s lies before --from %s", c.until, c.from)
	case c.role != manifest.RoleDock && c.role != manifest.RoleWitness && c.role != manifest.RoleTSA:
		return usagef("--role %s: say what the key signs as: dock, witness or tsa", message.Safe(c.role))
	}
	key, err := endorsable(c.role, what)
	if err != nil {
		return err
	}
	auth, err := c.open()
	if err == nil {
		err = vacantFile(c.out)
	}
	if err != nil {
		return err
	}
	msg, e, err := auth.Endorse(c.role, key, from, until, a.now())
	if err != nil {
		return err
	}
	return a.giveOut(c.out, msg, a.say("authority.endorsed", message.Line(key), c.role,
		e.From.Format(time.RFC3339), e.Until.Format(time.RFC3339), e.Serial, message.Safe(c.out)))
}

func (a *app) revokeCmd(c *authorityCall) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke KEY|CERTIFICATE --dir DIR --reason R [--at DATE] [-o FILE]",
		Short: a.say("cmd.authority.revoke"), Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			at := a.now()
			if c.at != "" {
				var err error
				if at, err = parseDay("--at", c.at, false); err != nil {
					return err
				}
			}
			if !manifest.ValidReason(c.reason) {
				return usagef("say why with --reason, in one line of at most 200 bytes: it stands in the list")
			}
			key, err := endorsable("", args[0])
			if err != nil {
				return err
			}
			auth, err := c.open()
			if err == nil {
				err = vacantFile(c.out)
			}
			if err != nil {
				return err
			}
			msg, err := auth.Revoke(key, c.reason, at, a.now())
			if err != nil {
				return err
			}
			return a.giveOut(c.out, msg, a.say("authority.revoked", message.Line(key), message.Safe(c.out)))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&c.at, "at", "", a.say("flag.revoked.at"))
	fl.StringVar(&c.reason, "reason", "", a.say("flag.reason.revoke"))
	fl.StringVarP(&c.out, "output", "o", "", a.say("flag.note.output"))
	return cmd
}

// endorsable reads what is to be endorsed or revoked: a verifier key or a file
// that holds one, or a certificate in a file, named by its digest.
func endorsable(role, what string) (string, error) {
	if role == manifest.RoleDock || role == manifest.RoleWitness || manifest.CheckEndorsable(manifest.RoleWitness, keyText(what)) == nil {
		key := keyText(what)
		if role == "" {
			role = manifest.RoleWitness // of any kind of key
		}
		return key, manifest.CheckEndorsable(role, key)
	}
	if manifest.CheckEndorsable(manifest.RoleTSA, what) == nil {
		return what, nil
	}
	b, err := os.ReadFile(what)
	if err != nil {
		return "", fmt.Errorf("read %s: %w: give a verifier key, or the file of a certificate", message.Safe(what), bare(err))
	}
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	cert, err := x509.ParseCertificate(b)
	if err != nil {
		return "", fmt.Errorf("read %s: it is neither a verifier key nor a certificate: give the authority's own, not its chain", message.Safe(what))
	}
	return manifest.CertificateKey(sha256.Sum256(cert.Raw)), nil
}

// parseDay reads a day, whose first or last millisecond in UTC is meant, or a
// moment.
func parseDay(flag, s string, last bool) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		if last {
			t = t.AddDate(0, 0, 1).Add(-time.Millisecond)
		}
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usagef("%s %s: write a day such as 2026-12-31, which is one in UTC, or a moment such as 2026-12-31T18:00:00+08:00", flag, message.Safe(s))
	}
	return t.UTC(), nil
}

// vacantFile refuses a file that is there: what was signed must not replace anything.
func vacantFile(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write %s: it is there already: name a new file", message.Safe(path))
	}
	return nil
}

// giveOut writes a signed note to a file, and says so, or to the output.
func (a *app) giveOut(path string, msg []byte, words string) error {
	if path == "" {
		_, err := a.out.Write(msg)
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		_, err = f.Write(msg)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w: the note is kept in the authority's folder", message.Safe(path), bare(err))
	}
	return a.println(words)
}
