package build

import (
	"crypto/sha256"
	"encoding/hex"

	"longlora/longqa/corpus"
)

// nameBytes is how much of a text's hash tells two documents of one id apart.
const nameBytes = 6

// names gives the documents of several materials ids that no two share. The first material keeps
// its ids; one of a later material that has the id of another text gets "~" and a hash of its text
// behind it, so that its name depends on nothing but the two documents.
type names struct {
	taken map[string][sha256.Size]byte
	own   map[string]bool // ids of the material that is read, as they stand there
}

func newNames() *names { return &names{taken: map[string][sha256.Size]byte{}} }

// begin begins another material.
func (n *names) begin() { n.own = map[string]bool{} }

// name gives an item an id, or the reason why it is no document of its own.
func (n *names) name(it *corpus.Item) {
	if n.own[it.DocID] {
		it.Reason, it.Detail = "duplicate id", "a document before it in the same material has its id"
		return
	}
	n.own[it.DocID] = true
	sum := sha256.Sum256([]byte(it.Text))
	id := it.DocID
	if before, ok := n.taken[id]; ok && before != sum {
		id += "~" + hex.EncodeToString(sum[:nameBytes])
	}
	if _, ok := n.taken[id]; ok {
		it.Reason, it.Detail = "duplicate document", "a material before has its id and its text"
		return
	}
	it.DocID = id
	n.taken[id] = sum
}
