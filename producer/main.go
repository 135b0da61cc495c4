// Command producer moves the career sites feed into Kafka.
package main

import (
	"os"

	"github.com/careerstream/careerstream/internal/app"
)

// version is set when a release is built.
var version string

func main() { os.Exit(app.Main(app.RunProducer, version)) }
