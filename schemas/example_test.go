package schemas_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// A record of the career-sites topic, decoded: what is about the event stands in
// the headers, the value is the feed's own JSON.
func ExampleCareerSite() {
	record := &kgo.Record{
		Key:   []byte("3f2c"),
		Value: []byte(`{"id":"3f2c","name":"Acme","industries":["fintech"],"ats":"greenhouse","listing_url":"https://boards.greenhouse.io/acme","updated_at":"2026-03-04T05:06:07Z","perks":["bikes"]}`),
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderType, Value: []byte(schemas.TypeCareerSite)},
			{Key: schemas.HeaderID, Value: []byte("3f2c@2026-03-04T05:06:07Z")},
			{Key: schemas.HeaderRunID, Value: []byte("01J00000000000000000000001")},
		},
	}

	headers := make(map[string]string)
	for _, h := range record.Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers[schemas.HeaderType] != schemas.TypeCareerSite {
		return // nothing that this program knows
	}
	var site schemas.CareerSite
	if err := json.Unmarshal(record.Value, &site); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("version:", headers[schemas.HeaderID])
	fmt.Println("company:", site.Name, site.Industries, site.ATS)
	fmt.Println("website known:", site.Website != nil)

	// Members that the type does not name are in the value all the same.
	var all map[string]any
	if err := json.Unmarshal(record.Value, &all); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("perks:", all["perks"])
	// Output:
	// version: 3f2c@2026-03-04T05:06:07Z
	// company: Acme [fintech] greenhouse
	// website known: false
	// perks: [bikes]
}

// Up to when is the career-sites topic complete? The progress topic says so:
// the newest record of the stream's key is where it stands. While a run is under
// way, what holds is still the watermark of the run before.
func ExampleDecodeProgress() {
	progressTopic := [][]byte{
		[]byte(`{"v":1,"feed":"career-sites","fence":1,"seq":1,"op":"01A","run_id":"01R","mode":"backfill","run_started_at":"2026-03-01T06:00:00Z","phase":"paging","filters":{},"cursor":"abc","pages":1,"rows":50}`),
		[]byte(`{"v":1,"feed":"career-sites","fence":1,"seq":2,"op":"01B","run_id":"01R","mode":"backfill","run_started_at":"2026-03-01T06:00:00Z","phase":"done","filters":{},"watermark":"2026-03-01T06:00:00Z","pages":2,"rows":73}`),
		[]byte(`{"v":1,"feed":"career-sites","fence":2,"seq":3,"op":"01C","run_id":"01S","mode":"incremental","run_started_at":"2026-03-01T12:00:00Z","phase":"paging","filters":{},"cursor":"def","watermark":"2026-03-01T06:00:00Z","pages":1,"rows":50}`),
	}

	for _, value := range progressTopic {
		p, err := schemas.DecodeProgress(value)
		if err != nil {
			fmt.Println(err)
			return
		}
		switch {
		case p.Watermark.IsZero():
			fmt.Println("the backfill is under way:", p.Rows, "rows so far")
		case p.Phase == schemas.Done:
			fmt.Println("complete up to", p.Watermark.Format(time.RFC3339))
		default:
			fmt.Println("complete up to", p.Watermark.Format(time.RFC3339), "and in the middle of a newer run")
		}
	}
	// Output:
	// the backfill is under way: 50 rows so far
	// complete up to 2026-03-01T06:00:00Z
	// complete up to 2026-03-01T06:00:00Z and in the middle of a newer run
}
