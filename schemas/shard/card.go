package shard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"longlora/schemas"
)

// Card is what a dataset's README.md says beside the counts.
type Card struct {
	Title     string
	Text      string   // Markdown
	Languages []string // BCP 47
	Tags      []string
}

// cardOf writes the README with the front matter that dataset hubs read.
func cardOf(m *schemas.Manifest, c Card, pictures []Picture) []byte {
	var b bytes.Buffer
	title := c.Title
	if title == "" {
		title = m.Name
	}
	b.WriteString("---\n")
	known, others := hubLicences(m)
	yamlList(&b, "license", known)
	if len(others) > 0 {
		fmt.Fprintf(&b, "license_name: %q\n", strings.Join(others, ", "))
	}
	yamlList(&b, "language", c.Languages)
	yamlList(&b, "tags", append([]string{"longlora", string(m.Kind)}, c.Tags...))
	fmt.Fprintf(&b, "pretty_name: %q\n", title)
	yamlList(&b, "size_categories", []string{sizeCategory(rowsOf(m))})
	b.WriteString("configs:\n- config_name: default\n  data_files:\n")
	for _, split := range splitsOf(m) {
		fmt.Fprintf(&b, "  - split: %s\n    path: data/%s-*.parquet\n", split, split)
	}
	fmt.Fprintf(&b, "---\n\n# %s\n\n%s\n\n", title, strings.TrimSpace(c.Text))
	b.WriteString("| split | files | rows | tokens | bytes |\n|---|---:|---:|---:|---:|\n")
	for _, split := range splitsOf(m) {
		var files, rows, tokens, size int64
		for _, f := range m.Files {
			if f.Split == split {
				files, rows, tokens, size = files+1, rows+f.Rows, tokens+f.Tokens, size+f.Bytes
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", split, files, rows, tokens, size)
	}
	b.WriteString("\n| source | licence | rows | tokens |\n|---|---|---:|---:|\n")
	for _, p := range m.Mixture {
		fmt.Fprintf(&b, "| %s | %s | %d | %d |\n", p.Source, p.Licence, p.Rows, p.Tokens)
	}
	writeLengths(&b, m)
	for _, p := range pictures {
		fmt.Fprintf(&b, "\n![%s](%s/%s)\n", p.Title, pictureDir, p.Name)
	}
	writeRejected(&b, m)
	fmt.Fprintf(&b, "\nDataset digest `%s`.\n", m.Digest)
	if m.Tokenizer != nil {
		fmt.Fprintf(&b, "Tokenizer `%s`, vocabulary %d, digest `%s`.\n",
			m.Tokenizer.Name, m.Tokenizer.VocabSize, m.Tokenizer.Digest)
	}
	return b.Bytes()
}

// lengthUnits are what the lengths of a kind's manifest count, and of what.
var lengthUnits = map[schemas.Kind][2]string{
	schemas.KindDocument: {"characters", "documents"},
	schemas.KindExample:  {"tokens of the context", "examples"},
	schemas.KindSequence: {"tokens", "packed documents"},
}

func writeLengths(b *bytes.Buffer, m *schemas.Manifest) {
	if len(m.Lengths) == 0 {
		return
	}
	unit := lengthUnits[m.Kind]
	fmt.Fprintf(b, "\n| %s | %s | together |\n|---|---:|---:|\n", unit[0], unit[1])
	for _, l := range m.Lengths {
		fmt.Fprintf(b, "| %d to %d | %d | %d |\n", l.From, l.To-1, l.Count, l.Total)
	}
}

func writeRejected(b *bytes.Buffer, m *schemas.Manifest) {
	if len(m.Rejected) == 0 {
		return
	}
	b.WriteString("\nRejected inputs are listed in `reject/rejected.jsonl`.\n\n" +
		"| reason | inputs |\n|---|---:|\n")
	reasons := make([]string, 0, len(m.Rejected))
	for r := range m.Rejected {
		reasons = append(reasons, r)
	}
	sort.Strings(reasons)
	for _, r := range reasons {
		fmt.Fprintf(b, "| %s | %d |\n", r, m.Rejected[r])
	}
}

func yamlList(b *bytes.Buffer, key string, values []string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", key)
	for _, v := range values {
		fmt.Fprintf(b, "- %s\n", v)
	}
}

// hubNames are the licences that dataset hubs know, as they write them: SPDX in lower case, without
// "-only" and "-or-later".
const hubNames = " afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd-2-clause bsd-3-clause " +
	"bsd-3-clause-clear bsl-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 " +
	"cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 " +
	"cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 " +
	"cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 gpl-2.0 gpl-3.0 isc " +
	"lgpl-2.1 lgpl-3.0 lppl-1.3c mit mpl-2.0 ms-pl ncsa ofl-1.1 osl-3.0 postgresql unlicense wtfpl zlib "

// hubLicences returns the licences by the names that hubs know, and the rest as they are; where there
// is a rest, "other" stands for it among the names.
func hubLicences(m *schemas.Manifest) (names, others []string) {
	for _, l := range licences(m) {
		name := strings.ToLower(l)
		name = strings.TrimSuffix(strings.TrimSuffix(name, "-only"), "-or-later")
		if strings.Contains(hubNames, " "+name+" ") {
			names = append(names, name)
		} else {
			others = append(others, l)
		}
	}
	if len(others) > 0 {
		names = append(names, "other")
	}
	return slices.Compact(names), others
}

// licences returns the distinct licences, sorted.
func licences(m *schemas.Manifest) []string {
	var all []string
	for _, p := range m.Mixture {
		all = append(all, p.Licence)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func splitsOf(m *schemas.Manifest) []string {
	var all []string
	for _, f := range m.Files {
		if len(all) == 0 || all[len(all)-1] != f.Split {
			all = append(all, f.Split)
		}
	}
	return all
}

func rowsOf(m *schemas.Manifest) (n int64) {
	for _, f := range m.Files {
		n += f.Rows
	}
	return n
}

// sizeCategory is the hub's name for a number of rows.
func sizeCategory(rows int64) string {
	names := []string{"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"}
	limit := int64(1000)
	for _, n := range names {
		if rows < limit {
			return n
		}
		limit *= 10
	}
	return "100M<n<1B"
}

// croissantOf writes the dataset's description in the Croissant 1.0 vocabulary
// (https://docs.mlcommons.org/croissant/docs/croissant-spec.html).
// It has no date of publication, which would be a clock's. The version ends in the digest, as build
// metadata (https://semver.org/spec/v2.0.0.html, section 10).
func croissantOf(m *schemas.Manifest, hf bool) ([]byte, error) {
	files := []any{}
	for _, f := range m.Files {
		files = append(files, map[string]any{
			"@type": "cr:FileObject", "@id": f.Path, "name": f.Path, "contentUrl": f.Path,
			"encodingFormat": "application/x-parquet", "sha256": f.SHA256,
			"contentSize": fmt.Sprintf("%d B", f.Bytes),
		})
	}
	files = append(files, map[string]any{
		"@type": "cr:FileSet", "@id": "parquet-files", "name": "parquet-files",
		"encodingFormat": "application/x-parquet", "includes": "data/*.parquet",
	})
	doc := map[string]any{
		"@context": croissantContext(),
		"@type":    "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0",
		"name": m.Name, "license": licences(m), "version": fmt.Sprintf("%d.0.0+%s", m.SchemaVersion, m.Digest),
		"citeAs":       fmt.Sprintf("%s, dataset with digest sha256:%s", m.Name, m.Digest),
		"distribution": files, "recordSet": []any{recordSet(m.Kind, hf)},
	}
	data, err := json.MarshalIndent(doc, "", "  ")
	return append(data, '\n'), err
}

// croissantContext is the context that the specification recommends (section "Namespaces").
func croissantContext() map[string]any {
	c := map[string]any{
		"@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
		"cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
		"dct": "http://purl.org/dc/terms/", "citeAs": "cr:citeAs", "conformsTo": "dct:conformsTo",
		"data":     map[string]any{"@id": "cr:data", "@type": "@json"},
		"dataType": map[string]any{"@id": "cr:dataType", "@type": "@vocab"},
		"examples": map[string]any{"@id": "cr:examples", "@type": "@json"},
	}
	for _, name := range []string{
		"column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet",
		"format", "includes",
		"isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references",
		"regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
	} {
		c[name] = "cr:" + name
	}
	return c
}

// croissantFields are each kind's columns with their types; lists are repeated.
var croissantFields = map[schemas.Kind][][2]string{
	schemas.KindDocument: {
		{"doc_id", "Text"}, {"source", "Text"}, {"title", "Text"}, {"text", "Text"},
		{"language", "Text"}, {"licence", "Text"}, {"url", "Text"}, {"sha256", "Text"},
		{"n_chars", "Integer"},
	},
	schemas.KindExample: {
		{"id", "Text"}, {"doc_ids", "[]Text"}, {"genre", "Text"}, {"task", "Text"},
		{"instruction", "Text"}, {"context", "Text"}, {"output", "Text"},
		{"answer_source", "Text"}, {"licence", "Text"}, {"n_tokens", "Integer"},
		{"split", "Text"}, {"question_first", "Boolean"},
	},
	schemas.KindSequence: {
		{"input_ids", "[]Integer"}, {"doc_lens", "[]Integer"}, {"loss_weights", "[]Float"},
		{"n_tokens", "Integer"},
	},
}

func recordSet(k schemas.Kind, hf bool) any {
	columns := croissantFields[k]
	if hf {
		columns = slices.Concat(columns, [][2]string{
			{"labels", "[]Integer"}, {"position_ids", "[]Integer"}, {"attention_mask", "[]Integer"},
		})
	}
	fields := []any{}
	for _, f := range columns {
		kind, repeated := strings.CutPrefix(f[1], "[]")
		field := map[string]any{
			"@type": "cr:Field", "@id": "rows/" + f[0], "name": f[0], "dataType": "sc:" + kind,
			"source": map[string]any{
				"fileSet": map[string]any{"@id": "parquet-files"},
				"extract": map[string]any{"column": f[0]},
			},
		}
		if repeated {
			field["repeated"] = true
		}
		fields = append(fields, field)
	}
	return map[string]any{
		"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": fields,
	}
}
