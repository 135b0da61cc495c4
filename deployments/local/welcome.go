package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// welcome says where things are and how to look at them.
func welcome(out io.Writer, stack *devstack.Stack, choice *selection.Selection) {
	for _, moved := range stack.Moved {
		fmt.Fprintln(out, moved)
	}
	broker := strings.Join(stack.Brokers(), ",")
	host, port, _ := strings.Cut(stack.Redis.Addr(), ":")
	fmt.Fprintf(out, `
Career sites and companies' profiles into Kafka, all in this process. Nothing is kept when it ends.

  Kafka  %s   Redis  %s   simulated API  %s (%d sites)
  profiles of  %s

Look at it from another terminal:
  kcat -b %s -C -t %s -e -q -X isolation.level=read_committed -f '%%k %%s\n'
  kcat -b %s -C -t %s -e -q -X isolation.level=read_committed
  kcat -b %s -C -t %s -e -q -X isolation.level=read_committed -f '%%k %%s\n'
  kcat -b %s -C -t %s -e -q -X isolation.level=read_committed -f '%%k %%h\n'
  redis-cli -h %s -p %s hgetall 'jobo:{career-sites}:checkpoint'
  curl -s %s/admin/ledger
  curl -s %s/api/career-sites/feed -H 'X-Api-Key: %s' -H 'Content-Type: application/json' -d '{"batch_size": 1}'

`, broker, stack.Redis.Addr(), stack.Feed.URL(), stack.Feed.Len(), cmp.Or(choice.String(), "those that are asked for"),
		broker, schemas.CareerSitesTopic, broker, schemas.ProgressTopic, broker, schemas.CompaniesTopic, broker, schemas.DeadLettersTopic, host, port,
		stack.Feed.URL(), stack.Feed.URL(), simulator.DefaultAPIKey)
}
