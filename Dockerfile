# A server for one model: docker build -t handshape . && see docs/deploy.md
FROM python:3.12-slim

RUN useradd --create-home --uid 10001 handshape
WORKDIR /opt/handshape
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt .

USER handshape
ENV HANDSHAPE_HOME=/home/handshape/cache
# The hand models are part of the image, so that a container needs no network
RUN python -c "from handshape.console import Console; from handshape.hands.models import hand_models; hand_models(Console())"

EXPOSE 8000
HEALTHCHECK --interval=10s --start-period=10s CMD ["python", "-c", \
  "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=3)"]
ENTRYPOINT ["handshape", "serve", "--host", "0.0.0.0", "--json"]
CMD ["/model"]
