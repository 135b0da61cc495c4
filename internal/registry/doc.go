// Package registry is the client of a schema registry: what stands between the JSON
// of the API and Avro values on the topics.
//
//	client.go   the connection, and what its errors mean
//	encoder.go  one subject's schema: values with its id
//	reader.go   values of others, by the ids that they carry
//	subject.go  what push, check and diff do
//
// The API is that of Confluent's Schema Registry, which Redpanda, Apicurio and Karapace
// have too. Subjects are named after their topics (TopicNameStrategy): the values of
// topic T are the subject "T-value"; keys are plain text and have none.
//
// A value that is encoded needs no registry: it is asked once, when an encoder is made.
// So a registry that is away later keeps nobody from work. Which records can be read
// then depends on whether their schema was met before.
package registry
