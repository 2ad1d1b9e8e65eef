# A Postfix that asks postward, to try the two together or to begin with: it accepts mail for $MYDESTINATION on port 25.

FROM debian:bookworm-slim
RUN echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postfix \
    && rm -rf /var/lib/apt/lists/*
COPY start-postfix /usr/local/bin/start-postfix
EXPOSE 25
ENTRYPOINT ["start-postfix"]
