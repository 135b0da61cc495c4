// Package deployments holds how the programs are run: compose files, images, manifests,
// dashboards. Its tests check what no engine is there to check: that every image is
// pinned and every name is known, and that the wiring works, by running the programs
// with the commands and the environment that the files give them.
package deployments
