package desk

import "sync"

// parsed remembers what Parse found: reading a number through the metadata's
// patterns costs tens of microseconds, and the same few numbers come again and
// again (our own, and callers who try twice).
var parsed = cache{limit: 4096}

type key struct {
	digits, country string
	format          Format
}

type result struct {
	number Number
	err    error
}

// cache is a bounded map with two generations: when the young one is full it
// becomes the old one, and what is found in the old one is young again.
type cache struct {
	limit int

	mu         sync.Mutex
	young, old map[key]result
}

func (c *cache) get(k key) (result, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.young[k]; ok {
		return r, true
	}
	r, ok := c.old[k]
	if ok {
		c.add(k, r)
	}
	return r, ok
}

func (c *cache) put(k key, r result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(k, r)
}

func (c *cache) add(k key, r result) {
	if c.young == nil || len(c.young) >= c.limit {
		c.young, c.old = make(map[key]result, 64), c.young
	}
	c.young[k] = r
}
