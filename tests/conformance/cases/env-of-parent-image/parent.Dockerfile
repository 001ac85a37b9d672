FROM localhost/base
ENV A=a
WORKDIR /p
