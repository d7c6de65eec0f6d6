// Package simbrowser is a browser's side of a call, by pion/webrtc: for tests and
// measurements, where Chromium would be too much. It says a tone and keeps what it hears.
//
// It shares nothing with the house but the wire.
package simbrowser
