// Package desk knows people: their phone numbers and the contacts those
// numbers belong to.
//
// A Number is an E.164 number (ITU-T E.164) with its plus, the digits of a
// short or emergency number, or empty for a caller who withholds it. Parse is
// the edge where what a trunk, a phone or a person writes becomes a Number;
// everything behind it compares Numbers as plain strings. A Number masks
// itself in logs.
//
// A Book is the set of contacts in memory with indexes by number and by the
// company's own ids. It makes a lead for a number it does not know and for
// every anonymous call, merges, searches, and takes the rows that ReadCSV reads.
// It stores nothing: what it made or changed is for the caller to journal, and
// NewBook takes it back at start.
//
// Caveats: whether a number exists is judged by metadata that lags behind
// numbering plans, so Parse accepts any well-formed number with a plus, while
// Class, which guards money, says ClassUnknown for what the metadata does not
// know. The metadata is about 1 MB and is loaded at the program's start.
//
// Everything here is safe for concurrent use and never blocks on anything but
// memory. It imports no other room, and it alone imports phonenumbers.
package desk
