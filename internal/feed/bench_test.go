package feed

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// benchPage is a page of 50 rows of about 900 bytes, like the feed's.
func benchPage() []byte {
	rows := make([]string, MaxBatchSize)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":"3f2a7c1e-0b5d-4d7e-9c11-%012d","name":"Company %d","website":"https://company-%d.example",`+
			`"logo_url":"https://cdn.example/logos/%d.png","summary":%q,"industries":["fintech","payments"],"categories":["b2b","saas"],`+
			`"linkedin_url":"https://www.linkedin.com/company/company-%d","crunchbase_url":null,"ats":"greenhouse",`+
			`"listing_url":"https://boards.greenhouse.io/company%d","discovered_at":"2025-11-03T08:15:00Z",`+
			`"updated_at":"2026-02-28T23:59:59.123456Z","details_url":"https://connect.jobo.world/api/companies/%d"}`,
			i, i, i, i, strings.Repeat("Helps companies of every size to be paid in time. ", 7), i, i, i)
	}
	return []byte(`{"career_sites":[` + strings.Join(rows, ",") + `],"next_cursor":"b3BhcXVl","has_more":true}`)
}

// BenchmarkDecodePage is the measurement by which the decoder was chosen, see
// pageDecoder. Each contender yields every row's own bytes, its id and its
// updated_at.
func BenchmarkDecodePage(b *testing.B) {
	body := benchPage()
	run := func(name string, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("tokens", func() error {
		if _, err := decodePage(body, MaxBatchSize); err != nil { // a nil *PageError is not a nil error
			return err
		}
		return nil
	})
	run("jsontext values", func() error { return decodeByValue(body) })
	run("json v2", func() error { return decodeV2(body) })
	run("encoding json", func() error { return decodeV1(body) })
}

type head struct {
	ID        string `json:"id"`
	UpdatedAt string `json:"updated_at"`
}

func decodeV1(body []byte) error {
	var page struct {
		Sites []json.RawMessage `json:"career_sites"`
		Next  *string           `json:"next_cursor"`
		More  *bool             `json:"has_more"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return err
	}
	for _, raw := range page.Sites {
		var h head
		if err := json.Unmarshal(raw, &h); err != nil {
			return err
		}
		readTime(jsontext.Value(`"` + h.UpdatedAt + `"`))
	}
	return nil
}

func decodeV2(body []byte) error {
	var page struct {
		Sites []jsontext.Value `json:"career_sites"`
		Next  *string          `json:"next_cursor"`
		More  *bool            `json:"has_more"`
	}
	if err := jsonv2.Unmarshal(body, &page); err != nil {
		return err
	}
	for _, raw := range page.Sites {
		var h head
		if err := jsonv2.Unmarshal(raw, &h); err != nil {
			return err
		}
		readTime(jsontext.Value(`"` + h.UpdatedAt + `"`))
	}
	return nil
}

// decodeByValue reads each row as one value and then its members again.
func decodeByValue(body []byte) error {
	d := &pageDecoder{body: body, dec: decoder(body), keep: MaxBatchSize}
	return d.members(func(name string) error {
		if name != "career_sites" {
			_, err := d.value()
			return err
		}
		if _, err := d.dec.ReadToken(); err != nil {
			return err
		}
		for d.dec.PeekKind() == '{' {
			v, err := d.value()
			if err != nil {
				return err
			}
			row := &pageDecoder{body: v, dec: decoder(v)}
			if _, err := row.row(); err != nil {
				return err
			}
		}
		_, err := d.dec.ReadToken()
		return err
	})
}
