// Package storetest holds what any store of the switchboard's journal must
// do, as tests: Run takes an opener, so that a second implementation can be
// held to the same contract. Only tests import it.
package storetest
