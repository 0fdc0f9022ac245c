# syntax=docker/dockerfile:1
#
# The server alone: docker build -t operetta . && docker run --rm -p 8080:8080 -e ... operetta
# The image runs as nobody in particular and writes to data/ only, so its root may be mounted read-only.

# ---- the speech models: pinned and checked by scripts/models.sh, in a layer of their own so that code changes keep it
FROM node:22-bookworm-slim AS models
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY models.sha256 ./
COPY scripts/models.sh scripts/
RUN scripts/models.sh && rm -rf models/dl

# ---- the program
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p operetta-server \
    && cp target/release/operetta /usr/local/bin/operetta

# ---- what runs
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="operetta" \
      org.opencontainers.image.description="Answers phone calls for voice agents" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# Paths in the configuration are relative: models/ and data/ are looked for here.
WORKDIR /srv/operetta
COPY --from=build /usr/local/bin/operetta /usr/local/bin/operetta
COPY --from=models /src/models models
COPY LICENSE-MIT LICENSE-APACHE ./
RUN install -d -o 10001 -g 10001 data
USER 10001:10001
VOLUME /srv/operetta/data
# Carriers; health, readiness and metrics.
EXPOSE 8080 9090
# The admin listener by bash's own sockets, because the image has no HTTP client.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${OPERETTA__ADMIN__BIND##*:} && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENV OPERETTA__ADMIN__BIND=127.0.0.1:9090
# SIGTERM drains: calls in progress go on for drain.drain_secs. Give the container as long (docker stop --time).
STOPSIGNAL SIGTERM
ENTRYPOINT ["operetta"]
CMD ["serve"]
