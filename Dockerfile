# SPDX-License-Identifier: Apache-2.0
# One image for each service: --build-arg SERVICE=router | auth | providers | operator | standalone.
#
# Stages that the service does not need are skipped. What changes seldom comes first: Python, then the dependencies (their
# layer stays the same from version to version), then our own packages, and of those only the ones that the service runs.
# For builds that must not change under you, give a digest: --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:…
ARG PYTHON_IMAGE=python:3.13-slim
ARG SERVICE=router


# ---- Dependencies: the service's lock and nothing else. No pip in it; compiled, because the image cannot be written to.
FROM ${PYTHON_IMAGE} AS dependencies
ARG SERVICE
RUN python -m venv --without-pip /opt/aigw
COPY requirements/${SERVICE}.txt /lock.txt
RUN --mount=type=cache,target=/var/cache/pip \
    PIP_CACHE_DIR=/var/cache/pip python -m pip --python /opt/aigw/bin/python install --disable-pip-version-check --root-user-action=ignore --no-compile \
      --require-hashes --only-binary=:all: --requirement /lock.txt
# Of the commands none is used but Python itself. The Kubernetes client comes twice; its asyncio half, 64 MB, is used by nobody.
# "unchecked": sources are not looked at when a module is imported.
RUN find /opt/aigw/bin -type f -delete && rm -rf /opt/aigw/lib/python3.*/site-packages/kubernetes/aio \
    && /opt/aigw/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/aigw/lib


# ---- Sources: a package that a service does not run is not there when its wheel is built.
FROM ${PYTHON_IMAGE} AS source
RUN python -m venv /build
COPY requirements/build.txt /lock.txt
RUN --mount=type=cache,target=/var/cache/pip \
    PIP_CACHE_DIR=/var/cache/pip /build/bin/pip install --disable-pip-version-check --require-hashes --only-binary=:all: --requirement /lock.txt
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY services/contract services/contract

FROM source AS source-services
COPY services/kit services/kit

FROM source-services AS source-router
COPY services/router services/router

FROM source-services AS source-auth
COPY services/auth services/auth

FROM source-services AS source-providers
COPY services/providers services/providers

FROM source AS source-operator
COPY operator operator

FROM source-services AS source-standalone
COPY services services
COPY operator operator


# ---- Our own packages, installed from a wheel: importlib.metadata knows the version.
FROM source-${SERVICE} AS package
RUN /build/bin/python -m hatchling build --target wheel \
    && /build/bin/pip install --disable-pip-version-check --no-compile --no-deps --no-index --find-links dist --prefix /package ai-gateway \
    && /build/bin/python -m compileall -q -j 0 -s /package -p /opt/aigw --invalidation-mode unchecked-hash /package/lib \
    && rm -rf /package/bin


# ---- What runs.
FROM ${PYTHON_IMAGE} AS runtime
# Nothing is installed here any more, and what is not there cannot be used by an intruder or found by a scanner.
RUN python -c "import ensurepip, importlib.metadata as found, pip, shutil; \
      [shutil.rmtree(path) for path in (*pip.__path__, *ensurepip.__path__, found.distribution('pip')._path)]" \
    && rm -f /usr/local/bin/pip*
COPY --from=dependencies /opt/aigw /opt/aigw
COPY --from=package /package /opt/aigw
ENV PATH=/opt/aigw/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1

# In each of these one import. It fails if the image lacks anything, and it writes the compiled standard library, as far as the
# service uses it: Python's image comes without, and the service could not write it.
FROM runtime AS image-router
RUN PYTHONDONTWRITEBYTECODE= python -c "import aigw_router.__main__"
EXPOSE 5052 8082
ENTRYPOINT ["/opt/aigw/bin/python", "-m", "aigw_router"]

FROM runtime AS image-auth
RUN PYTHONDONTWRITEBYTECODE= python -c "import aigw_auth.__main__"
EXPOSE 5052 8082
ENTRYPOINT ["/opt/aigw/bin/python", "-m", "aigw_auth"]

# Needs one argument: the provider's name.
FROM runtime AS image-providers
RUN PYTHONDONTWRITEBYTECODE= python -c "import aigw_providers.__main__"
EXPOSE 5052 8082
ENTRYPOINT ["/opt/aigw/bin/python", "-m", "aigw_providers"]

FROM runtime AS image-operator
RUN PYTHONDONTWRITEBYTECODE= python -c "import aigw_operator.__main__"
EXPOSE 8080
ENTRYPOINT ["/opt/aigw/bin/python", "-m", "aigw_operator"]
CMD ["run"]

# All services in one container, for a machine without Kubernetes. It alone writes files: keys that live as long as it does.
FROM runtime AS image-standalone
RUN PYTHONDONTWRITEBYTECODE= python -c "import aigw_router.__main__, aigw_auth.__main__, aigw_providers.__main__, aigw_standalone.up"
# The addresses are those of GitLab's image, under its names: `-e` changes them.
ENV XDG_STATE_HOME=/tmp AIGW_FASTAPI__API_HOST=0.0.0.0 AIGW_FASTAPI__METRICS_HOST=0.0.0.0
EXPOSE 5052 8082
ENTRYPOINT ["/opt/aigw/bin/python", "-m", "aigw_standalone"]
CMD ["up", "--logs"]


FROM image-${SERVICE}
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/ai-gateway/ai-gateway
LABEL org.opencontainers.image.title="aigw-${SERVICE}" \
      org.opencontainers.image.description="AI Gateway: ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
STOPSIGNAL SIGTERM
# A number, so that runAsNonRoot can be checked. Any other will do: no file belongs to it and none is written.
USER 65532:65532
