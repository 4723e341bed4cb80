package main

import (
	"errors"
	"net"
)

// boardListener is where the board is shown: the socket of the service manager,
// which lets the daemon do without a network, else one of our own.
func (a *app) boardListener(manager func(env func(string) string) (net.Listener, error)) (net.Listener, error) {
	l, err := manager(a.env)
	if err != nil || l == nil {
		if err != nil {
			return nil, err
		}
		return listenBoard(a.cfg.Board)
	}
	if a.cfg.Board == "" {
		return nil, l.Close()
	}
	_, want, err := net.SplitHostPort(a.cfg.Board)
	if err != nil {
		return nil, errors.Join(usagef("board %q: write host:port, such as 127.0.0.1:8630", a.cfg.Board), l.Close())
	}
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() {
		_ = l.Close()
		return nil, usagef("the service manager listens on %s: the board serves the dock's own screen only: give custodock.socket ListenStream=127.0.0.1:%s", l.Addr(), want)
	}
	if _, port, _ := net.SplitHostPort(at.String()); port != want {
		_ = l.Close()
		return nil, usagef("board %q: the service manager listens on %s: give custodock.socket the same port (ListenStream)", a.cfg.Board, at)
	}
	return l, nil
}
