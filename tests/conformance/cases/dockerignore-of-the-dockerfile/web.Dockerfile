FROM localhost/base
COPY . /ctx
