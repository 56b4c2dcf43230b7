package source

import "longlora/pipeline/licence"

// rowConfig is the Config of sources whose documents are rows with named fields.
func rowConfig(o Options) map[string]any {
	f := o.Fields
	return map[string]any{
		"licence": o.Licence, "language": o.Language,
		"fields": map[string]any{
			"text": f.Text, "id": f.ID, "title": f.Title, "licence": f.Licence, "url": f.URL,
			"language": f.Language,
		},
	}
}

// fillRow makes a document of a row. field returns a field's text, and whether the row has it.
func fillRow(it *Item, o Options, kind string, field func(name string) (string, bool)) {
	optional := func(name, otherwise string) string {
		if name == "" {
			return otherwise
		}
		if v, ok := field(name); ok && v != "" {
			return v
		}
		return otherwise
	}
	if id := optional(o.Fields.ID, ""); id != "" {
		it.DocID = kind + ":" + id
	}
	text, ok := field(o.Fields.Text)
	if !ok {
		it.Reason, it.Detail = ReasonNoText, "field "+o.Fields.Text
		return
	}
	it.Source, it.Text = kind, text
	it.Title = optional(o.Fields.Title, "")
	it.URL = optional(o.Fields.URL, "")
	it.Language = optional(o.Fields.Language, o.Language)
	it.Licence = optional(o.Fields.Licence, o.Licence)
	if !licence.IsExpression(it.Licence) {
		it.Reason, it.Detail = ReasonNoLicence, "field "+o.Fields.Licence+" holds \""+it.Licence+"\""
	}
	it.judgeText()
}
