# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -pgo=bench/sluice.pgo -ldflags "-s -w -X main.version=${VERSION}" -o /out/sluice ./cmd/sluice \
 && mkdir -p /out/state

FROM scratch
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="reverse proxy that splits traffic between versions and cuts a bad one off by itself" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/sluice /sluice
COPY --from=build --chown=65532:65532 /out/state /var/lib/sluice
ENV STATE_DIRECTORY=/var/lib/sluice
USER 65532:65532
EXPOSE 8080 9900
HEALTHCHECK --interval=5s --timeout=2s --start-period=2s CMD ["/sluice", "healthcheck"]
ENTRYPOINT ["/sluice"]
CMD ["run", "--config", "/etc/sluice/sluice.yaml"]
