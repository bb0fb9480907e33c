import { address } from '../api/client'
import { useResource } from '../state/resource'

interface Operation { tags?: string[]; summary?: string; description?: string; 'x-role'?: string; parameters?: unknown[]; requestBody?: { content?: Record<string, { example?: unknown }> }; responses?: Record<string, unknown> }
interface Document { openapi: string; info: { title: string; version: string; description: string }; tags: { name: string; description: string }[]; paths: Record<string, Record<string, Operation>>; components: { parameters: Record<string, Parameter> } }
interface Parameter { name: string; in: string; required?: boolean; description?: string }

/** API shows openapi.json: what the page does, anybody can do. */
export function API() {
  const { value: doc, error } = useResource<Document>('openapi.json', 3_600_000)
  if (!doc) return error ? <div class="empty" role="alert"><h1>The description can't be shown</h1><p>{error.message}</p></div> : <p class="muted" role="status">Loading…</p>
  return (
    <div class="api">
      <h1>{doc.info.title} <span class="muted">OpenAPI {doc.openapi}</span></h1>
      <p>{doc.info.description}</p>
      <p><a href={address('openapi.json')}>openapi.json</a></p>
      {doc.tags.map((tag) => (
        <section key={tag.name} class="card">
          <h2>{tag.name} <span class="muted">{tag.description}</span></h2>
          {Object.entries(doc.paths).flatMap(([path, methods]) => Object.entries(methods).filter(([, op]) => op.tags?.includes(tag.name)).map(([method, op]) => (
            <One key={method + path} method={method} path={path} op={op} doc={doc} />
          )))}
        </section>
      ))}
    </div>
  )
}

function One({ method, path, op, doc }: { method: string; path: string; op: Operation; doc: Document }) {
  const example = Object.values(op.requestBody?.content ?? {})[0]?.example
  return (
    <details class="group operation">
      <summary><b class={`method ${method}`}>{method.toUpperCase()}</b> <code>{path}</code> <span class="muted">{op.summary}</span></summary>
      {op.description && <p>{op.description}</p>}
      <dl>
        <div><dt>role</dt><dd>{op['x-role'] ?? 'none needed'}</dd></div>
        {(op.parameters ?? []).map((p, i) => {
          const one = resolve(p, doc)
          return <div key={i}><dt><code>{one.name}</code></dt><dd>{one.in}{one.required ? ', required' : ''}{one.description ? `: ${one.description}` : ''}</dd></div>
        })}
        <div><dt>answers</dt><dd>{Object.keys(op.responses ?? {}).join(', ')}</dd></div>
      </dl>
      {example !== undefined && <pre>{JSON.stringify(example, null, 2)}</pre>}
    </details>
  )
}

function resolve(p: unknown, doc: Document): Parameter {
  const ref = (p as { $ref?: string }).$ref
  return ref ? doc.components.parameters[ref.split('/').at(-1)!]! : p as Parameter
}
