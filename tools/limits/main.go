// Limits checks that no product file is longer than 400 lines and no product
// function is 60 lines or more; tests may be longer.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	fileLines     = 400 // at most
	functionLines = 60  // fewer
)

func main() {
	bad := 0
	for _, root := range os.Args[1:] {
		found, err := check(root)
		if err != nil {
			fmt.Fprintln(os.Stderr, "limits:", err)
			os.Exit(2)
		}
		for _, line := range found {
			fmt.Println(line)
		}
		bad += len(found)
	}
	if bad > 0 {
		os.Exit(1)
	}
}

// check names what is too long under root.
func check(root string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		more, err := long(path)
		found = append(found, more...)
		return err
	})
	return found, err
}

// long names what is too long in one file.
func long(path string) ([]string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []string
	if n := set.File(file.Pos()).LineCount() - 1; n > fileLines {
		found = append(found, fmt.Sprintf("%s: %d lines, at most %d", path, n, fileLines))
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		at := set.Position(f.Pos())
		if n := set.Position(f.End()).Line - at.Line + 1; n >= functionLines {
			found = append(found, fmt.Sprintf("%s: %s has %d lines, fewer than %d", at, f.Name.Name, n, functionLines))
		}
	}
	return found, nil
}
