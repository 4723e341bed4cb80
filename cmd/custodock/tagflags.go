package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/tag"
)

// tagFlags are the tags a person states.
type tagFlags struct {
	cases, collectors, proves           []string
	place, matter, stage, party, noCase string
}

func (t *tagFlags) register(a *app, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&t.cases, "case", nil, a.say("flag.case"))
	f.StringVar(&t.place, "place", "", a.say("flag.place"))
	f.StringArrayVar(&t.collectors, "collector", nil, a.say("flag.collector"))
	f.StringArrayVar(&t.proves, "proves", nil, a.say("flag.proves"))
	f.StringVar(&t.matter, "matter", "", a.say("flag.matter"))
	f.StringVar(&t.stage, "stage", "", a.say("flag.stage"))
	f.StringVar(&t.party, "party", "", a.say("flag.party"))
	f.StringVar(&t.noCase, "no-case", "", a.say("flag.no_case"))
}

// tags are what the flags say; what they cannot say is a usage error.
func (t *tagFlags) tags() (clip.Tags, error) {
	out := clip.Tags{
		Cases: t.cases, Proves: t.proves, Matter: t.matter, Stage: t.stage, Party: t.party, NoCase: t.noCase,
	}
	if t.place != "" {
		out.Place = &clip.Place{Text: t.place}
	}
	for _, c := range t.collectors {
		parts := strings.Split(c, ":")
		if len(parts) > 3 || c == "" {
			return out, usagef("--collector %q: write person, person:badge or person:badge:unit", c)
		}
		parts = append(parts, "", "")
		out.Collectors = append(out.Collectors, clip.Collector{Person: parts[0], Badge: parts[1], Unit: parts[2]})
	}
	if len(out.Cases) > 0 && out.NoCase != "" {
		return out, usagef("--case and --no-case contradict each other: give one of them")
	}
	if err := tag.Validate(out); err != nil {
		return out, usagef("%s", err)
	}
	return out, nil
}

// tags are what the flags say, with a matter of the list that is in force.
func (a *app) tags(t tagFlags) (clip.Tags, error) {
	out, err := t.tags()
	if err == nil && out.Matter != "" {
		out.Matter, err = a.matter(out.Matter)
	}
	return out, err
}

// matter finds the id of a matter that is named by it, or by its name in either
// language.
func (a *app) matter(name string) (string, error) {
	list, where := configs.Matters, "configs/matters.yaml"
	if a.cfg.Matters != "" {
		where = a.cfg.Matters
		list = func() ([]configs.Matter, error) { return configs.LoadMatters(where) }
	}
	matters, err := list()
	if err != nil {
		return "", err
	}
	var ids []string
	for _, m := range matters {
		if name == m.ID || name == m.ZH || name == m.EN {
			return m.ID, nil
		}
		ids = append(ids, m.ID)
	}
	return "", usagef("--matter %q: it is not on the list of %s: use one of %s", name, message.Safe(where), strings.Join(ids, ", "))
}

// none reports whether no flag said anything.
func (t *tagFlags) none() bool {
	return len(t.cases)+len(t.collectors)+len(t.proves) == 0 &&
		t.place+t.matter+t.stage+t.party+t.noCase == ""
}
