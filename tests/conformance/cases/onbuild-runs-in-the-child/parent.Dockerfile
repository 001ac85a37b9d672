FROM localhost/base
ONBUILD COPY x /x
ONBUILD RUN cat /x > /ran
ONBUILD LABEL from=parent
