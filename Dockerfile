# syntax=docker/dockerfile:1
# Winnow in a container: docs/deploy.md says how to run it. The versions are those of constraints.txt.

FROM python:3.11-slim-bookworm AS build
# Options for pip, such as the index of PyTorch's builds for the CPU, which are a tenth of the size.
ARG PIP_OPTIONS=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/winnow
WORKDIR /src
COPY constraints.txt requirements.txt ./
# What Winnow needs is a layer of its own: another version of Winnow does not install it again.
# hadolint ignore=SC2086
RUN /opt/winnow/bin/pip install ${PIP_OPTIONS} --constraint constraints.txt --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY curation curation
# hadolint ignore=SC2086
RUN /opt/winnow/bin/pip install ${PIP_OPTIONS} --constraint constraints.txt ".[app,clip,timm,auth]"

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home winnow && install --directory --owner winnow /data
COPY --from=build /opt/winnow /opt/winnow
ENV PATH=/opt/winnow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    WINNOW_HOME=/data \
    WINNOW_ROOTS=/data:/images \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_HEADLESS=true
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8501
# The health of the server is asked for under any name and needs no login.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["winnow"]
CMD ["app", "--port", "8501"]
