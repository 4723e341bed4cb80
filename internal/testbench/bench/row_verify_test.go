package main

import "testing"

func TestProved(t *testing.T) {
	const line = "{\"clip\":\"a\"}\n"
	if err := proved([]byte(line+line+"{\"summary\":{\"clips\":2,\"ok\":2}}\n"), 2); err != nil {
		t.Error(err)
	}
	for _, out := range []string{
		"", "{}", line + "{\"summary\":{\"clips\":2,\"ok\":2}}", line + line + "{\"summary\":{\"clips\":2,\"ok\":1}}",
		line + line + line + "{\"summary\":{\"clips\":3,\"ok\":3}}", line + line + "{\"summary\":{\"clips\":2,\"ok\":2,\"problems\":[{}]}}",
	} {
		if proved([]byte(out), 2) == nil {
			t.Errorf("%q passes for proved", out)
		}
	}
}
