package main

import (
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

func TestMain(m *testing.M) { testbench.Main(m) }
