# `forecast serve` in a container: CPU wheels, no root, and a root file system that may be read-only.
#
#   docker build --build-arg TORCH_INDEX=... -t forecast .
#
# TORCH_INDEX is the index of CPU wheels that the installation page of PyTorch names; without it the
# wheels of the default index are taken, which bring CUDA and some gigabytes.
FROM python:3.12-slim AS build
ARG TORCH_INDEX=""
WORKDIR /source
COPY . .
RUN python -m venv /opt/forecast \
    && /opt/forecast/bin/pip install --no-cache-dir --constraint constraints.txt \
        ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && /opt/forecast/bin/pip install --no-cache-dir --constraint constraints.txt ".[serve]"

FROM python:3.12-slim
COPY --from=build /opt/forecast /opt/forecast
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin forecast
USER 10001
ENV PATH=/opt/forecast/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8001/healthz', timeout=3)"]
ENTRYPOINT ["forecast", "serve", "--host", "0.0.0.0"]
CMD ["/runs/model", "--token-file", "/run/secrets/token"]
