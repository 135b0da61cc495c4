// Package manifests checks deployments/kubernetes as `kustomize build` gives it:
// every object against the Go types of its API, and what it says of our programs
// against the programs themselves. It is a module of its own, so that what it
// needs is nothing that the product depends on:
//
//	go -C .ci/manifests test ./...
//
// With -rendered DIR it also leaves what was built in DIR, for validators that
// read files. No cluster is needed, and nothing was run on one.
package manifests
