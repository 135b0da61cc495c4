package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/registry"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is the registry that the tests use: SCHEMA_REGISTRY_URL, or one in process.
// The one in process takes every schema, compatible or not.
func served(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("SCHEMA_REGISTRY_URL"); url != "" {
		return url
	}
	fake := srfake.New()
	t.Cleanup(fake.Close)
	return fake.URL()
}

func connect(t *testing.T, url string) *registry.Client {
	t.Helper()
	client, err := registry.New(registry.Config{URLs: []string{url}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// subject is one that no other test has.
func subject(t *testing.T) registry.Subject {
	t.Helper()
	name := strings.NewReplacer("/", ".", "_", "-").Replace(t.Name())
	return registry.Subject{Topic: fmt.Sprintf("%s.%d", name, time.Now().UnixNano()), Schema: schemas.CareerSiteAvro(), Codec: schemas.CareerSiteCodec()}
}

func TestValuesAreReadByTheSchemaThatTheyCarry(t *testing.T) {
	t.Parallel()
	url := served(t)
	client, s := connect(t, url), subject(t)
	if _, err := client.Encoder(t.Context(), s, false); err == nil || !strings.Contains(err.Error(), "schemas push") {
		t.Fatalf("got %v for a schema that is not registered, want to be told to push it", err)
	}
	encoder, err := client.Encoder(t.Context(), s, true)
	if err != nil {
		t.Fatal(err)
	}
	value, err := encoder.Encode([]byte(`{"id":"a","perks":["bikes"]}`))
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := schemas.CutPrefix(value)
	if err != nil || encoder.DataSchema() != fmt.Sprintf("%s/schemas/ids/%d", url, id) || encoder.ContentType() != schemas.ContentTypeAvro {
		t.Errorf("got schema %d (%v) and the headers %s, %s", id, err, encoder.DataSchema(), encoder.ContentType())
	}
	again, err := connect(t, url).Encoder(t.Context(), s, false)
	if err != nil || again.DataSchema() != encoder.DataSchema() {
		t.Errorf("looked up again it is %v, %v; want the same", again, err)
	}
	reader := registry.NewReader(connect(t, url))
	object, err := reader.JSON(t.Context(), schemas.ContentTypeAvro, value, s.Codec)
	if err != nil || string(object) != `{"id":"a","perks":["bikes"]}` {
		t.Errorf("got %s, %v; want the object", object, err)
	}
	if _, err := encoder.Encode([]byte(`{"id":"a","id":"b"}`)); err == nil {
		t.Error("an object that does not fit is encoded")
	}
}

func TestPushCheckAndDiff(t *testing.T) {
	t.Parallel()
	client, s := connect(t, served(t)), subject(t)
	state, err := client.Look(t.Context(), s)
	if err != nil || state.Newest != 0 || state.Registered() {
		t.Fatalf("got %+v, %v; want a subject that is not there", state, err)
	}
	for range 2 { // the second time nothing changes
		state, err = client.Push(t.Context(), s)
		if err != nil || !state.Registered() || state.Version != 1 || state.Newest != 1 || state.ID == 0 || len(state.Changes) != 0 {
			t.Fatalf("got %+v, %v; want it registered as version 1", state, err)
		}
	}
	newer := s
	newer.Schema = strings.Replace(s.Schema, `{"name": "extra"`, `{"name": "ceo", "type": ["null", "string"], "default": null}, {"name": "extra"`, 1)
	state, err = client.Look(t.Context(), newer)
	if err != nil || state.Version != 0 || state.Refused != "" || len(state.Changes) != 1 || state.Changes[0] != "+ CareerSite.ceo null|string = <nil>" {
		t.Errorf("got %+v, %v; want a new field that would be taken", state, err)
	}
	if state, err = client.Push(t.Context(), newer); err != nil || state.Version != 2 || !state.Registered() {
		t.Errorf("got %+v, %v; want version 2", state, err)
	}
}

func TestAnIncompatibleSchemaIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getenv("SCHEMA_REGISTRY_URL") == "" {
		t.Skip("the registry in process takes every schema; set SCHEMA_REGISTRY_URL to a real one")
	}
	client, s := connect(t, served(t)), subject(t)
	if _, err := client.Push(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	broken := s
	broken.Schema = strings.Replace(s.Schema, `"name": "ats", "type": ["null", "string"]`, `"name": "ats", "type": ["null", "long"]`, 1)
	state, err := client.Look(t.Context(), broken)
	if err != nil || state.Refused == "" || len(state.Changes) != 1 || !strings.HasPrefix(state.Changes[0], "~ CareerSite.ats") {
		t.Errorf("got %+v, %v; want it refused for its field ats", state, err)
	}
	var refused *registry.Error
	if _, err := client.Push(t.Context(), broken); !errors.As(err, &refused) || refused.Status != http.StatusConflict || !strings.Contains(refused.Fix, "schemas diff") {
		t.Errorf("got %v, want the push refused", err)
	}
	if _, err := client.Encoder(t.Context(), broken, true); !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("got %v, want the start refused", err)
	}
}

// A registry that is away later keeps nobody from values with schemas that are known.
func TestWhatIsKnownNeedsNoRegistry(t *testing.T) {
	t.Parallel()
	fake := srfake.New()
	client, s := connect(t, fake.URL()), subject(t)
	encoder, err := client.Encoder(t.Context(), s, true)
	if err != nil {
		t.Fatal(err)
	}
	reader := registry.NewReader(client)
	value, err := encoder.Encode([]byte(`{"id":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.JSON(t.Context(), schemas.ContentTypeAvro, value, s.Codec); err != nil {
		t.Fatal(err)
	}
	fake.Close()
	value, err = encoder.Encode([]byte(`{"id":"b"}`))
	if err != nil {
		t.Fatal(err)
	}
	if object, err := reader.JSON(t.Context(), schemas.ContentTypeAvro, value, s.Codec); err != nil || string(object) != `{"id":"b"}` {
		t.Errorf("got %s, %v; want it read without the registry", object, err)
	}
	var away *registry.Error
	_, err = registry.NewReader(client).JSON(t.Context(), schemas.ContentTypeAvro, value, s.Codec)
	if !errors.As(err, &away) || !strings.Contains(err.Error(), "SCHEMA_REGISTRY_URL") {
		t.Errorf("got %v for a schema that is not known, want to be told where to look", err)
	}
}

func TestValuesThatCannotBeReadAreToldFromRegistriesThatCannot(t *testing.T) {
	t.Parallel()
	client := connect(t, served(t))
	reader := registry.NewReader(client)
	var bad *registry.BadValueError
	for name, value := range map[string]string{"no prefix": "{}", "a schema that is not there": "\x00\x7f\x00\x00\x01abc"} {
		if _, err := reader.JSON(t.Context(), schemas.ContentTypeAvro, []byte(value), schemas.CareerSiteCodec()); !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want a value that is bad", name, err)
		}
	}
	if got, err := reader.JSON(t.Context(), schemas.ContentTypeJSON, []byte("{}"), nil); err != nil || string(got) != "{}" {
		t.Errorf("got %s, %v; want JSON as it is", got, err)
	}
	if _, err := registry.NewReader(nil).JSON(t.Context(), schemas.ContentTypeAvro, []byte("\x00\x00\x00\x00\x01"), nil); !errors.Is(err, registry.ErrNoRegistry) {
		t.Errorf("got %v, want ErrNoRegistry", err)
	}
}

func TestTheUserIsSentAndWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "hush" {
			status.Store(http.StatusUnauthorized)
		}
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(server.Close)
	for code, want := range map[int]string{http.StatusInternalServerError: "500", http.StatusNotFound: "base URL", http.StatusForbidden: "SCHEMA_REGISTRY_PASSWORD"} {
		status.Store(int32(code))
		client, err := registry.New(registry.Config{URLs: []string{server.URL}, Username: "me", Password: secret.New("hush")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Encoder(t.Context(), subject(t), true)
		client.Close()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), server.URL) || strings.Contains(err.Error(), "hush") {
			t.Errorf("status %d: got %v, want an error with %q and the URL", code, err, want)
		}
	}
	status.Store(http.StatusInternalServerError)
	if _, err := connect(t, server.URL).Encoder(t.Context(), subject(t), true); err == nil || !strings.Contains(err.Error(), "SCHEMA_REGISTRY_USERNAME") {
		t.Errorf("got %v without a user, want to be told where to set one", err)
	}
}

func TestSettingsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]registry.Config{
		"none":        {},
		"no URL":      {URLs: []string{"localhost:8081"}},
		"another":     {URLs: []string{"ftp://x"}},
		"with a user": {URLs: []string{"http://me:hush@x"}},
		"no CA":       {URLs: []string{"https://x"}, CA: "registry_test.go"},
		"no files":    {URLs: []string{"https://x"}, Cert: "none", Key: "none"},
	} {
		if _, err := registry.New(c); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want an error without the password", name, err)
		}
	}
}
