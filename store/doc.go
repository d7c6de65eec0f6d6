// Package store keeps on disk what must survive: the journal of facts and
// router events, call records, contacts, registrations. It is the only room
// that knows bbolt.
//
// # Files
//
//   - hot.db: the router's snapshot and the events since, calls in progress,
//     contacts, registrations. Small, and stays so.
//   - facts-YYYY-MM.db: the facts of one month (UTC), by number.
//   - records-YYYY-MM.db: the final records of the calls that began in one
//     month, by call.
//
// A bbolt file never shrinks, so what retention ends is a whole file, removed
// when all of its month is too old. Folder 0700, files 0600.
//
// # Writing
//
// Append puts entries into a queue and returns. One goroutine takes what is
// queued, up to 20 ms of it or until a Sync asks, and writes it with one
// transaction a file: facts, then records, then hot.db (whose calls in
// progress are only forgotten once their record is on disk). A transaction
// is on disk when it has ended (never NoSync); the freelist is not written
// with each (NoFreelistSync), it is rebuilt when a file is opened.
//
// When the disk is full or fails, the writer keeps the queue and tries again,
// at first at once and then every second, and says so once a second; what was
// acknowledged by Sync stays. The queue is bounded: beyond Options.MaxQueued
// facts, router events and states of calls in progress are dropped and counted,
// beyond twice that everything is. A journal of router events that has lost
// some is used up to the loss.
//
// # Reading
//
// Load, Record, Records and Facts read the disk and may be called by anyone
// at any time; they see what was written, not what is queued. What they
// return are copies. The switchboard reads nothing after Load.
//
// # Erasing
//
// Erase and Scrub overwrite with zeros what they deleted: the pages of a file
// that nothing leads to any more. The file is scanned for it and held meanwhile,
// about a second a gigabyte; what comes waits in the queue.
//
// # Caveats
//
// One process at a time: Open names the one that has the files. A damaged
// file is refused with its name and the cure; nothing is deleted for being
// damaged. Files of past months are only read and are checked when they are
// first opened, by Records and Facts.
package store
