package shard

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"longlora/schemas"
)

// pictureDir holds what the card shows.
const pictureDir = "card"

// Picture is an image of a dataset's card.
type Picture struct {
	// Name is the file's, with its ending; Title stands where the picture cannot be shown.
	Name, Title string
	Data        []byte
}

// drawPictures writes the card's pictures and names them in the manifest.
func (b *Builder) drawPictures(m *schemas.Manifest) error {
	if b.options.Draw == nil || len(m.Files) == 0 {
		return nil
	}
	pictures, err := b.options.Draw(m)
	if err != nil {
		return fmt.Errorf("draw the card: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(b.partial, pictureDir), 0o777); err != nil {
		return err
	}
	for _, p := range pictures {
		f, err := createHashed(filepath.Join(b.partial, pictureDir, p.Name))
		if err != nil {
			return err
		}
		_, err = f.Write(p.Data)
		c, closed := f.close()
		if err = cmp.Or(err, closed); err != nil {
			return err
		}
		c.Path, c.Rows = pictureDir+"/"+p.Name, 0
		m.Companions = append(m.Companions, c)
	}
	slices.SortFunc(m.Companions, func(a, b schemas.Companion) int { return cmp.Compare(a.Path, b.Path) })
	b.pictures = pictures
	return nil
}
