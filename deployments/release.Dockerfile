# syntax=docker/dockerfile:1
#
# The images of a release: the binaries that were built and signed already, in a folder for each platform. To build an
# image from the sources there is the Dockerfile beside this one.

FROM gcr.io/distroless/static-debian13:nonroot AS base
USER 65532:65532

FROM base AS enricher
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/enricher /enricher
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/enricher", "check", "--live"]
ENTRYPOINT ["/enricher"]
CMD ["run"]

FROM base AS producer
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/producer /producer
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/producer", "check", "--live"]
ENTRYPOINT ["/producer"]
CMD ["run"]
