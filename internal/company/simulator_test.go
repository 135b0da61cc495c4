package company_test

import (
	"net/http/httptest"
	"testing"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
)

// The simulated API is a second reading of the contract.
func TestProfilesOfTheSimulatedAPIAreGood(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Rows: 30})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	for _, send := range []bool{true, false} {
		client := newClient(t, company.Config{BaseURL: server.URL, Key: secret.New(simulator.DefaultAPIKey), SendKey: send})
		for _, row := range sim.Select(simulator.Filters{})[:10] {
			to, err := client.URL(row.ID, server.URL+"/api/companies/"+row.ID)
			if err != nil {
				t.Fatal(err)
			}
			a, err := client.Get(t.Context(), row.ID, to, "")
			if want, _ := sim.Profile(row.ID); err != nil || string(a.Profile) != string(want) {
				t.Fatalf("%s: got %v and %d bytes, want the %d of the profile", row.ID, err, len(a.Profile), len(want))
			}
			if want := map[bool]int{true: 360, false: 60}[send]; a.Limits.Limit != want {
				t.Errorf("%s with the key sent %v: got the limits %+v, want %d a minute", row.ID, send, a.Limits, want)
			}
			if again, err := client.Get(t.Context(), row.ID, to, a.ETag); err != nil || !again.NotModified {
				t.Errorf("%s with its ETag: got %v and %+v, want no change", row.ID, err, again)
			}
		}
		if _, err := client.Get(t.Context(), id, "", ""); outcome(err) != "not_found" {
			t.Errorf("got %v, want no such company", err)
		}
	}
}
