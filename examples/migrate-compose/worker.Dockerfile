FROM debian:bookworm
ARG QUEUE=none
ENV QUEUE=$QUEUE
COPY page.html /srv/job.html
CMD ["cat", "/srv/job.html"]
