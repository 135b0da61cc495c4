package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/registry"
	"github.com/careerstream/careerstream/schemas"
)

// Values says what the values of the records are.
type Values struct {
	// Avro says that they are Avro; otherwise they are JSON as the API sent it.
	Avro bool
	// Registry is the schema registry; one without URLs is none.
	Registry registry.Config
	// AutoRegister registers the schema at the start if it is not registered yet.
	AutoRegister bool
}

// values judges the settings about the format.
func (s *valueSettings) values(p *problems) Values {
	v := Values{
		Avro: p.oneOf("VALUE_FORMAT", s.ValueFormat, "json", "avro") == "avro",
		Registry: registry.Config{
			URLs: list(s.RegistryURL), Username: s.RegistryUsername,
			Password: p.secretOf("SCHEMA_REGISTRY_PASSWORD", s.RegistryPassword, s.RegistryPasswordFile),
			CA:       s.RegistryTLSCA, Cert: s.RegistryTLSCert, Key: s.RegistryTLSKey,
		},
		AutoRegister: p.boolean("SCHEMA_REGISTRY_AUTO_REGISTER", s.RegistryAutoRegister),
	}
	p.file("SCHEMA_REGISTRY_TLS_CA", v.Registry.CA)
	p.file("SCHEMA_REGISTRY_TLS_CERT", v.Registry.Cert)
	p.file("SCHEMA_REGISTRY_TLS_KEY", v.Registry.Key)
	if (v.Registry.Cert == "") != (v.Registry.Key == "") {
		p.add("SCHEMA_REGISTRY_TLS_CERT", v.Registry.Cert, "a certificate and its key, or neither", "set both SCHEMA_REGISTRY_TLS_CERT and SCHEMA_REGISTRY_TLS_KEY")
	}
	switch {
	case v.Avro && len(v.Registry.URLs) == 0:
		p.add("SCHEMA_REGISTRY_URL", s.RegistryURL, "the base URL of a schema registry beside VALUE_FORMAT=avro, such as http://localhost:8081", "set it, or VALUE_FORMAT=json, which needs no registry")
	case len(v.Registry.URLs) > 0 && v.Registry.CA == "" && v.Registry.Cert == "":
		if client, err := registry.New(v.Registry); err != nil {
			p.list = append(p.list, fmt.Errorf("SCHEMA_REGISTRY_URL can't be used: %w", err))
		} else {
			client.Close()
		}
	}
	return v
}

// client returns a client of the registry, nil where there is none. What is wrong with
// its settings is a *UsageError.
func (v Values) client(program string) (*registry.Client, error) {
	if len(v.Registry.URLs) == 0 {
		return nil, nil //nolint:nilnil // there need not be one
	}
	v.Registry.UserAgent = program
	client, err := registry.New(v.Registry)
	if err != nil {
		return nil, &UsageError{Problems: []error{fmt.Errorf("the schema registry's settings can't be used: %w", err)}}
	}
	return client, nil
}

// encoder returns what makes the values of a subject's topic, nil where they are JSON.
func (v Values) encoder(ctx context.Context, client *registry.Client, s registry.Subject) (*registry.Encoder, error) {
	if !v.Avro {
		return nil, nil //nolint:nilnil // JSON needs none
	}
	return client.Encoder(ctx, s, v.AutoRegister)
}

// subject is what the producer publishes.
func (c Producer) subject() registry.Subject {
	return registry.Subject{Topic: c.Topics.CareerSites, Schema: schemas.CareerSiteAvro(), Codec: schemas.CareerSiteCodec()}
}

// subject is what the enricher publishes.
func (c Enricher) subject() registry.Subject {
	return registry.Subject{Topic: c.Topics.Companies, Schema: schemas.CompanyAvro(), Codec: schemas.CompanyCodec()}
}

// format returns the format of the career sites; nil is JSON. The registry is not
// needed any more once it is known.
func (c Producer) format(ctx context.Context) (producer.Format, error) {
	client, err := c.Values.client("jobo-producer")
	if err != nil || client == nil {
		return nil, err
	}
	defer client.Close()
	encoder, err := c.Values.encoder(ctx, client, c.subject())
	if err != nil || encoder == nil {
		return nil, err // not encoder: a nil *registry.Encoder is no nil Format
	}
	return encoder, nil
}

// siteReader reads career sites, whichever format they are in.
type siteReader struct{ *registry.Reader }

func newSiteReader(client *registry.Client) siteReader { return siteReader{registry.NewReader(client)} }

// json returns the value of a career site as JSON. One that can't be read stays as it
// is: it is for whoever reads it to say so. The error is about the registry.
func (s siteReader) json(ctx context.Context, r *kgo.Record) ([]byte, error) {
	if r.Value == nil {
		return nil, nil // a tombstone
	}
	value, err := s.JSON(ctx, headerOf(r, schemas.HeaderContentType), r.Value, schemas.CareerSiteCodec())
	var bad *registry.BadValueError
	switch {
	case errors.As(err, &bad):
		return r.Value, nil
	case errors.Is(err, registry.ErrNoRegistry):
		return nil, &enricher.FatalError{Err: fmt.Errorf("topic %s/%d at offset %d: %w", r.Topic, r.Partition, r.Offset, err)}
	case err != nil:
		return nil, fmt.Errorf("topic %s/%d at offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	return value, nil
}
