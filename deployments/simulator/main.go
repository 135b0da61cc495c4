// Command simulator serves the simulated Jobo API, for compose files and for
// development. It keeps everything in memory and must not face the internet: its
// admin API has no key.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/careerstream/careerstream/internal/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	var c config
	kong.Parse(&c, vars(), kong.Name("simulator"), kong.Exit(exit),
		kong.Description("The simulated Jobo API: the metered feed, the profiles, and an admin API for faults."))
	if err := c.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// exit gives every wrong usage the code that the other programs have for it.
func exit(code int) {
	if code != 0 {
		code = 2
	}
	os.Exit(code)
}

func vars() kong.Vars { return kong.Vars{"key": simulator.DefaultAPIKey} }

// config is the command line; each flag has an environment variable of its name.
type config struct {
	Listen         string        `env:"SIMULATOR_LISTEN" default:":8080" help:"Address to listen on."`
	Rows           int           `env:"SIMULATOR_ROWS" default:"1000" help:"Companies at the start; a million take about 1.3 GB."`
	Seed           uint64        `env:"SIMULATOR_SEED" default:"1" help:"Decides every byte of the data."`
	APIKey         string        `env:"SIMULATOR_API_KEY" default:"${key}" help:"The key that the feed accepts."`
	Latency        time.Duration `env:"SIMULATOR_LATENCY" default:"0s" help:"Added to every answer of the feed."`
	CompanyLatency time.Duration `env:"SIMULATOR_COMPANY_LATENCY" default:"0s" help:"Added to every answer of the profiles."`
	ProfileBytes   int           `env:"SIMULATOR_PROFILE_BYTES" default:"0" help:"Fill profiles up to this size; 0 leaves them as they are, 3,000 to 9,000 bytes."`
	Price          int           `env:"SIMULATOR_PRICE" default:"50" help:"Credits a row."`
	Balance        int64         `env:"SIMULATOR_BALANCE" default:"1000000000000" help:"Credits in the wallet."`
	ChangeEvery    int           `env:"SIMULATOR_CHANGE_EVERY" default:"0" help:"Change rows after every so many pages; 0 is never."`
	ChangeRows     int           `env:"SIMULATOR_CHANGE_ROWS" default:"5" help:"Rows that get a new version each time."`
	ChangeNewRows  int           `env:"SIMULATOR_CHANGE_NEW_ROWS" default:"1" help:"Rows that appear each time."`
	RateLimits     string        `env:"SIMULATOR_RATE_LIMITS" default:"on" enum:"on,off" help:"The paid plan's request limits (${enum})."`
	BaseURL        string        `env:"SIMULATOR_BASE_URL" help:"Scheme and host of each details_url; empty takes the Host of the first request."`
	Plain          bool          `env:"SIMULATOR_PLAIN" help:"Leave out unknown fields and odd spellings."`
	Check          string        `placeholder:"URL" help:"Only ask the one that runs at this URL whether it serves: for the health check of a container."`
	Admin          bool          `env:"SIMULATOR_ADMIN" default:"true" negatable:"" help:"Serve the admin API below /admin."`
}

// Validate refuses, all at once, numbers that mean nothing.
func (c *config) Validate() error {
	var errs []error
	for name, n := range map[string]int64{
		"rows": int64(c.Rows), "balance": c.Balance, "price": int64(c.Price) - 1, "latency": int64(c.Latency),
		"company-latency": int64(c.CompanyLatency), "profile-bytes": int64(c.ProfileBytes),
		"change-every": int64(c.ChangeEvery), "change-rows": int64(c.ChangeRows), "change-new-rows": int64(c.ChangeNewRows),
	} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("--%s is too small", name))
		}
	}
	if c.APIKey == "" {
		errs = append(errs, errors.New("--api-key is empty"))
	}
	return errors.Join(errs...)
}

// run serves until ctx ends.
func (c *config) run(ctx context.Context, out io.Writer) error {
	if c.Check != "" {
		return serves(ctx, c.Check)
	}
	srv, err := simulator.Start(ctx, c.Listen, c.options())
	if err != nil {
		return err
	}
	admin := "off"
	if c.Admin {
		admin = srv.URL() + "/admin"
	}
	fmt.Fprintf(out, "simulated feed at %s  key %s  rows %d  admin %s\n", srv.URL(), simulator.MaskKey(c.APIKey), srv.Len(), admin)
	return srv.Wait(ctx)
}

// serves asks for a company that does not exist: whoever says so serves.
func serves(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/api/companies/none", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // its status is all that counts
	if answer.StatusCode != http.StatusNotFound {
		return fmt.Errorf("%s says %s", url, answer.Status)
	}
	return nil
}

func (c *config) options() simulator.Options {
	o := simulator.Options{
		Seed: c.Seed, Rows: c.Rows, APIKeys: []string{c.APIKey}, Plain: c.Plain,
		Price: c.Price, Balance: c.Balance, Latency: c.Latency, CompanyLatency: c.CompanyLatency, ProfileBytes: c.ProfileBytes,
		Change:  simulator.Change{EveryPages: c.ChangeEvery, Update: c.ChangeRows, Insert: c.ChangeNewRows},
		BaseURL: c.BaseURL, NoAdmin: !c.Admin,
	}
	if c.Rows == 0 {
		o.Rows = -1 // the option's zero is its default
	}
	if c.Balance == 0 {
		o.Balance = -1
	}
	if c.RateLimits == "off" {
		off := simulator.NoLimits()
		o.FeedLimits, o.CompanyLimits, o.PublicLimits = off, off, off
	}
	return o
}
