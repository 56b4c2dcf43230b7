package pack

// concat fills sequences one after another and cuts pieces at their ends.
type concat struct {
	p    *Packer
	open []piece
	free int
}

func newConcat(p *Packer) packing { return &concat{p: p, free: p.o.Context} }

func (c *concat) add(p piece) error {
	for p.n > c.free {
		part := c.free
		if p.n-part == 1 && part > 2 {
			part-- // a rest of one token would have no target
		}
		if part >= 2 {
			c.put(p.keep([]span{{0, part}}))
			p = p.keep([]span{{part, p.n}})
			c.p.countSplit(p)
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	c.put(p)
	return nil
}

func (c *concat) put(p piece) {
	c.open = append(c.open, p)
	c.free -= p.n
}

// flush emits the open sequence.
func (c *concat) flush() error {
	if len(c.open) == 0 {
		return nil
	}
	pieces := c.open
	c.open, c.free = nil, c.p.o.Context
	return c.p.finish(pieces)
}
