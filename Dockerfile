# Airflow with mailcrm inside. The tag names the Airflow and the Python that requirements.txt and CI
# agree on; the slim image brings no providers of its own that could disagree with our pins.
FROM apache/airflow:slim-3.3.2-python3.11

# requirements-cluster.txt adds the KubernetesExecutor, and logs in S3.
ARG REQUIREMENTS=requirements.txt
COPY --chown=airflow:0 requirements.txt requirements-cluster.txt /opt/airflow/
RUN pip install --no-cache-dir --requirement "/opt/airflow/${REQUIREMENTS}"

COPY --chown=airflow:0 include/ /opt/airflow/include/
COPY --chown=airflow:0 dags/ /opt/airflow/dags/
COPY --chown=airflow:0 plugins/ /opt/airflow/plugins/

ENV PYTHONPATH=/opt/airflow/include:/opt/airflow/dags \
    MAILCRM_HOME=/opt/airflow/var

# Named volumes take over the owner of the folder that they cover.
RUN umask 0002 \
    && mkdir -p /opt/airflow/var /opt/airflow/logs \
    && python -m compileall -q /opt/airflow/include \
    && printf '#!/bin/sh\nexec python -m mailcrm.cli "$@"\n' > /home/airflow/.local/bin/mailcrm \
    && chmod 755 /home/airflow/.local/bin/mailcrm
