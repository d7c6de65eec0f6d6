// Package sip is the signalling room: trunks, registrations and legs.
package sip
