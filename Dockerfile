# An image of the course: the locked packages, a user without privileges, a warm cache, JupyterLab.
#
#   docker build -t wsss-lite .
#   docker run --rm -p 8888:8888 wsss-lite        prints the address to open
#
# docs/HOSTING.md says how to use it on a JupyterHub.
FROM python:3.12-slim

# A compiler and headers for the dense CRF; git for nbgitpuller.
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential git \
    && rm -rf /var/lib/apt/lists/*

ARG COURSE=/srv/wsss-lite
ARG CACHE=/srv/wsss-cache
RUN useradd --create-home --uid 1000 student \
    && install -d -o student -g student "$COURSE" "$CACHE"
USER student
WORKDIR $COURSE
COPY --chown=student:student . .

# .venv from requirements.lock, CPU builds, this checkout installed editable.
RUN python -m wsss_lite.setup

# A JupyterHub starts `jupyterhub-singleuser`, of the hub's own version; no hub, nothing installed.
ARG HUB=
RUN if [ -n "$HUB" ]; then .venv/bin/python -m pip install "jupyterhub==$HUB" nbgitpuller; fi

# Scenes, features, and what the short trail computes; afterwards nobody writes there any more.
RUN .venv/bin/wsss-lite warm --to "$CACHE" --notebooks 00 01 02 \
    && chmod -R a-w "$CACHE"

ENV WSSS_LITE_SHARED=$CACHE \
    OMP_NUM_THREADS=1 \
    PATH=$COURSE/.venv/bin:$PATH
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--ServerApp.root_dir=notebooks"]
