package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"trunkline/call"
	"trunkline/routing"
)

// The files, and the buckets in them.
const (
	hotName       = "hot.db"
	factsPrefix   = "facts-"
	recordsPrefix = "records-"
	promisePrefix = "callbacks-"

	bucketFacts    = "facts"    // number → call.Fact
	bucketRecords  = "records"  // call.ID → call.Record
	bucketMeta     = "meta"     // keyFormat, keyFacts: small, the page is written with each fact
	bucketRouter   = "router"   // keyRouter
	bucketEvents   = "events"   // number → call.RouterEvent
	bucketOpen     = "open"     // call.ID → call.Record
	bucketBindings = "bindings" // account → []sip.Binding
	bucketSpent    = "spent"    // account → call.Spent, of its last day
	bucketSpoken   = "spoken"   // desk.ContactID → call.Spoke
	bucketDays     = "days"     // team → call.TeamDay, of its last day
	bucketContacts = "contacts" // desk.ContactID → desk.Contact
	bucketErasing  = "erasing"  // desk.ContactID → call.Erasure

	bucketWrong     = "wrong"     // team or agent → call.WrongCodes
	bucketMessages  = "messages"  // recorder.ID → call.Message
	bucketCallbacks = "callbacks" // routing.CallbackID → routing.Callback; in hot.db those that are pending
)

// The keys in bucketMeta and bucketRouter.
const (
	keyFormat = "format"
	keyRouter = "router" // call.RouterSnapshot
	keyFacts  = "facts"  // the last fact's number
)

// format is the files' version; a file with a greater one is refused.
const format = 1

// change is what a batch does to one bucket: keys to their last values, nil
// for those deleted, after everything up to forget was.
type change struct {
	put    map[string][]byte
	forget string
}

// batch is what one round of transactions writes: file name → bucket → change.
// Entries that replace each other within it are written once.
type batch struct {
	changes  map[string]map[string]*change
	lastFact uint64
}

func newBatch() *batch { return &batch{changes: make(map[string]map[string]*change)} }

// add puts an entry in. Its error names the entry.
func (b *batch) add(e call.Entry) error {
	switch e := e.(type) {
	case call.Fact:
		b.lastFact = max(b.lastFact, e.Seq)
		b.bucket(hotName, bucketMeta).put[keyFacts] = []byte(seqKey(b.lastFact))
		return b.put(factsPrefix+month(e.At), bucketFacts, seqKey(e.Seq), e)
	case call.RouterEvent:
		return b.put(hotName, bucketEvents, seqKey(e.Seq), e)
	case call.RouterSnapshot:
		c := b.bucket(hotName, bucketEvents)
		upto := seqKey(e.Seq)
		for k := range c.put {
			if k <= upto {
				delete(c.put, k)
			}
		}
		c.forget = max(c.forget, upto)
		b.bucket(hotName, bucketMeta).put[keyRouter] = nil // where it was once
		return b.put(hotName, bucketRouter, keyRouter, e)
	case call.Opened:
		return b.put(hotName, bucketOpen, string(e.Record.ID), e.Record)
	case call.Closed:
		if err := b.put(recordsPrefix+recordMonth(e.Record.ID, e.Record.Initiated), bucketRecords, string(e.Record.ID), e.Record); err != nil {
			return err
		}
		if e.Record.Unsealed() { // another Closed is to come: a crash before it must find the call
			return b.put(hotName, bucketOpen, string(e.Record.ID), e.Record)
		}
		b.bucket(hotName, bucketOpen).put[string(e.Record.ID)] = nil
		return nil
	case call.Bound:
		if len(e.Bindings) == 0 {
			b.bucket(hotName, bucketBindings).put[string(e.Account)] = nil
			return nil
		}
		return b.put(hotName, bucketBindings, string(e.Account), e.Bindings)
	case call.Spent:
		return b.put(hotName, bucketSpent, e.Account(), e)
	case call.CallbackKept:
		return b.callback(e.Callback)
	case call.CallbackDropped:
		b.bucket(hotName, bucketCallbacks).put[string(e.ID)] = nil
		b.bucket(promisePrefix+recordMonth(call.ID(e.ID), time.Time{}), bucketCallbacks).put[string(e.ID)] = nil
		return nil
	case call.MessageKept:
		return b.put(hotName, bucketMessages, string(e.Message.ID), e.Message)
	case call.MessageDropped:
		b.bucket(hotName, bucketMessages).put[string(e.ID)] = nil
		return nil
	case call.WrongCodes:
		if e.Count == 0 && e.Until.IsZero() {
			b.bucket(hotName, bucketWrong).put[e.Box.String()] = nil
			return nil
		}
		return b.put(hotName, bucketWrong, e.Box.String(), e)
	case call.Spoke:
		if e.Agent == "" {
			b.bucket(hotName, bucketSpoken).put[string(e.Contact)] = nil
			return nil
		}
		return b.put(hotName, bucketSpoken, string(e.Contact), e)
	case call.TeamDay:
		return b.put(hotName, bucketDays, string(e.Team), e)
	case call.ContactKept:
		return b.put(hotName, bucketContacts, string(e.Contact.ID), e.Contact)
	case call.ContactMerged:
		b.bucket(hotName, bucketContacts).put[string(e.Gone)] = nil
		return b.put(hotName, bucketContacts, string(e.Contact.ID), e.Contact)
	case call.ContactGone:
		b.bucket(hotName, bucketContacts).put[string(e.Contact)] = nil
		return nil
	case call.Erasing:
		return b.put(hotName, bucketErasing, string(e.Erasure.Contact), e.Erasure)
	case call.ContactErased:
		b.bucket(hotName, bucketErasing).put[string(e.Contact)] = nil
		return nil
	}
	return fmt.Errorf("%T is not known to the store", e)
}

// callback puts one that is pending into hot.db; one that is done into the month of its request, as records are.
func (b *batch) callback(c routing.Callback) error {
	if c.State == routing.CallbackPending {
		return b.put(hotName, bucketCallbacks, string(c.ID), c)
	}
	b.bucket(hotName, bucketCallbacks).put[string(c.ID)] = nil
	return b.put(promisePrefix+recordMonth(call.ID(c.ID), c.First), bucketCallbacks, string(c.ID), c)
}

func (b *batch) bucket(file, bucket string) *change {
	f := b.changes[file]
	if f == nil {
		f = make(map[string]*change)
		b.changes[file] = f
	}
	c := f[bucket]
	if c == nil {
		c = &change{put: make(map[string][]byte)}
		f[bucket] = c
	}
	return c
}

func (b *batch) put(file, bucket, key string, value any) error {
	text, err := json.Marshal(value)
	if err == nil && key == "" {
		err = fmt.Errorf("it has no id")
	}
	if err != nil {
		return fmt.Errorf("%T: %w", value, err)
	}
	b.bucket(file, bucket).put[key] = text
	return nil
}

// names lists the files in the order of writing: facts, records, hot.db.
func (b *batch) names() []string {
	var all []string
	for name := range b.changes {
		all = append(all, name)
	}
	slices.SortFunc(all, func(x, y string) int {
		if (x == hotName) != (y == hotName) {
			if x == hotName {
				return 1
			}
			return -1
		}
		return strings.Compare(x, y)
	})
	return all
}

// seqKey is a number as a key that sorts by it.
func seqKey(seq uint64) string {
	var k [8]byte
	binary.BigEndian.PutUint64(k[:], seq)
	return string(k[:])
}

func keySeq(k []byte) uint64 {
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

func month(t time.Time) string { return t.UTC().Format("2006-01") + ".db" }

// recordMonth is the month a record lies in: the one its id was made in, or,
// for an id that is no ULID, the one it began in.
func recordMonth(id call.ID, initiated time.Time) string {
	if u, err := ulid.ParseStrict(string(id)); err == nil {
		return month(ulid.Time(u.Time()))
	}
	return month(initiated)
}
