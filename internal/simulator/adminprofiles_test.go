package simulator_test

import (
	"net/http"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestAdminShowsAndChangesProfiles(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(2))
	id := s.Select(simulator.Filters{})[0].ID
	get(t, s, "/api/companies/"+id)
	get(t, s, "/api/companies/"+id)
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/admin/profiles", "", 200, `"repeated": 1`},
		{"GET", "/admin/profiles", "", 200, `"minute": 2`},
		{"GET", "/admin/profiles", "", 200, `"admitted": 2`},
		{"GET", "/admin/profiles/" + id, "", 200, `"200": 2`},
		{"GET", "/admin/profiles/nobody", "", 200, `[]`},
		{"POST", "/admin/profiles/remove", `{"ids":["` + id + `"],"status":410}`, 200, `"changed": 1`},
		{"GET", "/api/companies/" + id, "", 410, "company_gone"},
		{"POST", "/admin/profiles/remove", `{"ids":["` + id + `"]}`, 200, `"changed": 1`},
		{"GET", "/api/companies/" + id, "", 404, "company_not_found"},
		{"POST", "/admin/profiles/remove", `{"ids":["` + id + `"],"status":200}`, 200, `"changed": 1`},
		{"GET", "/api/companies/" + id, "", 200, id},
		{"POST", "/admin/profiles/remove", `{"ids":["` + id + `"],"status":500}`, 400, "status 500 is none of"},
		{"POST", "/admin/profiles/remove", `{"ids":["nobody"]}`, 404, "unknown ids: nobody"},
		{"POST", "/admin/profiles/remove", `{"id":"nobody"}`, 400, "id"},
		{"PUT", "/admin/latency", `{"companies":"250ms"}`, 200, `"companies": "250ms"`},
		{"GET", "/admin/latency", "", 200, `"feed": "0s"`},
		{"PUT", "/admin/latency", `{"feed":"1h","companies":"-1s"}`, 400, "below 0"},
		{"PUT", "/admin/latency", `{"feed":5}`, 400, "feed"},
		{"GET", "/admin/latency", "", 200, `"feed": "0s"`},
	} {
		w := send(t, s, step.method, step.path, step.body)
		if w.Code != step.status {
			t.Errorf("%s %s %s: got %d, want %d", step.method, step.path, step.body, w.Code, step.status)
		}
		mustContain(t, w.Body.Bytes(), step.want)
	}
	if w := send(t, s, http.MethodPost, "/admin/faults", `{"kind":"hang","count":-1,"when":{"route":"companies","host":"a.test"}}`); w.Code != 200 {
		t.Errorf("a fault of a host: got %d, %s", w.Code, w.Body)
	}
	if got := s.Faults()[0].Fault; got.Kind != simulator.KindHang || got.When.Host != "a.test" || got.Count != -1 {
		t.Errorf("fault: got %+v", got)
	}
}
