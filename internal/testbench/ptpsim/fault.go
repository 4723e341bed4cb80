package ptpsim

// Kind is a way to misbehave.
type Kind int

// What a camera can do wrong to an answer.
const (
	Stall     Kind = iota // the endpoints halt in place of the answer
	StallData             // they halt in the middle of the data
	Silent                // no answer, until the device is reset
	Mute                  // no answer, this once
	Short                 // half of the data, then the response
	Wrong                 // the response is for another transaction
	Stale                 // an old response first
	Garbage               // bytes that are no container
	Long                  // bytes after the response
	Cut                   // a dataset that ends in the middle
	Gone                  // unplugged after At bytes of data
	Code                  // the response Answer in place of everything
	Ends                  // the data, and then the response Answer
	Forget                // the session is closed, and the answer says so
	Endless               // data without length and end
)

// Fault is one misbehaviour.
type Fault struct {
	Kind   Kind
	Op     uint16 // at this operation
	After  int    // let so many pass first
	Times  int    // 0 is once, below 0 for ever
	At     int64
	Answer uint16

	passed, fired int
}

// Arm adds a fault and returns it, to be asked how often it fired.
func (c *Camera) Arm(f Fault) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &f)
	return &f
}

// Fired is how often a fault did.
func (c *Camera) Fired(f *Fault) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.fired
}

// fault returns what goes wrong with an operation now, nil when nothing does.
func (c *Camera) fault(op uint16) *Fault {
	for _, f := range c.faults {
		if f.Op != op {
			continue
		}
		if f.passed < f.After {
			f.passed++
			continue
		}
		if f.Times >= 0 && f.fired >= max(f.Times, 1) {
			continue
		}
		f.fired++
		return f
	}
	return nil
}
