"""Many invented bodies, each with the class that its name, domain, country and state should speak for.

The rows that are no police stand beside those that are: the nearest miss of each kind.
"""

import pytest

from analyzer import shipped
from analyzer.classifier import POLICE, classify, load_patterns

PATTERNS = load_patterns(shipped.folder("queries") / "tenants")

# class | name | domain | country | state
POLICE_IN_AMERICA = """
us_police|Calder Falls Police Department|calderfallspd.org|US|OH
us_police|Calder Falls PD||US|OH
us_police|CALDER FALLS POLICE DEPT.||US|OH
us_police|City of Calder Falls, Dept. of Police||US|OH
us_police|Calder Falls Division of Police||US|OH
us_police|Calder Falls Bureau of Police||US|PA
us_police|Calder Falls Metropolitan Police||US|TN
us_police|Borough of Tarn Hollow Police||US|PA
us_police|Tarn Hollow Regional Police Commission||US|PA
us_police|Tarn Hollow Township Dept of Police Services||US|NJ
us_police|Village of Lesser Birch Police Dept|lesserbirchpolice.com|US|IL
us_police|Quell County Police|quellcountypolice.org|US|MD
us_police|Quell County Sheriff|quellsheriff.com|US|MT
us_police|Quell County Sheriff's Dept.||US|CA
us_police|Quell County Sheriff-Coroner||US|CA
us_police|Quell Co. Sheriff's Office||US|ID
us_police|Quell Parish Sheriff's Office|qpso.org|US|LA
us_police|Quell County SO||US|TX
us_police|Office of the Sheriff, Quell County||US|FL
us_police|Sheriff of Quell County||US|NY
us_police|Sheriff's Office of Quell County||US|FL
us_police|City of Calder Sheriff's Office||US|VA
us_police|Quell County Sheriff's Police||US|IL
us_police|Quell County Sheriffs Posse||US|AZ
us_police|Precinct 4 Constable's Office, Quell County||US|TX
us_police|Quell County Constable Precinct 2||US|TX
us_police|Constable Pct. 3||US|TX
us_police|Justice Precinct 5 Constable||US|AZ
us_police|Ward 4 Marshal's Office||US|LA
us_police|Calder Falls City Marshal|caldermarshal.gov|US|LA
us_police|Calder Town Marshal's Department||US|IN
us_police|Quell County Marshal's Office||US|GA
us_police|Calder Falls Marshal's Office||US|AZ
us_police|Brenmark University Police Department|police.brenmark.edu|US|MA
us_police|Brenmark State University Department of Public Safety||US|MA
us_police|Brenmark College Campus Police||US|MA
us_police|Brenmark College Campus Safety and Police||US|VT
us_police|University of Brenmark PD||US|TX
us_police|Brenmark Community College District Police||US|CA
us_police|Quell Independent School District Police Department|police.quellisd.org|US|TX
us_police|Quell ISD Police||US|TX
us_police|Quell Unified School Police||US|CA
us_police|Quell County Schools Police||US|FL
us_police|Larkmoor Transit Police||US|GA
us_police|Larkmoor Area Rapid Transit Police Department||US|CA
us_police|Metro Larkmoor Transit Authority Police||US|TX
us_police|Larkmoor Railroad Police||US|IL
us_police|Port Authority of Larkmoor Police||US|NY
us_police|Port of Larkmoor Police||US|WA
us_police|Larkmoor Harbor Police||US|CA
us_police|Larkmoor Harbor Patrol||US|CA
us_police|Larkmoor International Airport Police||US|TX
us_police|Larkmoor Airport Department of Public Safety||US|NV
us_police|Larkmoor County Park Police||US|MD
us_police|Larkmoor Park Rangers, Law Enforcement Division||US|OH
us_police|Larkmoor Housing Authority Police||US|NY
us_police|Larkmoor Hospital Police Department||US|TX
us_police|Larkmoor Medical Center Police||US|AR
us_police|Red Hollow Tribal Police Department||US|AZ
us_police|Red Hollow Nation Police||US|OK
us_police|Red Hollow Band Tribal Law Enforcement||US|MN
us_police|Red Hollow Pueblo Police||US|NM
us_police|Red Hollow Lighthorse Police||US|OK
us_police|Northern Vale State Police||US|PA
us_police|Northern Vale State Patrol||US|WA
us_police|Northern Vale Highway Patrol||US|MT
us_police|Division of Northern Vale State Troopers||US|AK
us_police|Northern Vale Bureau of Investigation||US|TN
us_police|State Bureau of Criminal Apprehension||US|MN
us_police|State Law Enforcement Division||US|SC
us_police|State Capitol Police||US|PA
us_police|Division of Alcoholic Beverage Law Enforcement||US|NC
us_police|Northern Vale Fish and Wildlife Police||US|PA
us_police|Conservation Police, Northern Vale||US|IL
us_police|Northern Vale Natural Resources Police||US|MD
us_police|Northern Vale Game Wardens||US|ME
us_police|Quell County District Attorney Investigations Police||US|NY
us_police|Larkmoor Real Time Crime Center||US|GA
us_police|Larkmoor Regional Intelligence Center||US|CA
us_police|Northern Vale Fusion Center||US|CO
us_police|Tri-County Narcotics Task Force||US|UT
us_police|Quell Valley Metro SWAT||US|KY
us_police|Larkmoor Public Safety Department||US|MI
us_police|Larkmoor Township Police & Fire Department||US|MI
us_police|Larkmoor Police, Fire and Rescue||US|CA
us_police|Larkmoor Police and Court Security||US|GA
us_police|Foundation Park Police Department||US|CO
us_police|Academy Village Police Department||US|NM
us_police|Museum Hill Police||US|NM
us_police|Union Grove Police Department||US|WI
us_police|Marshall Police Department||US|TX
us_police|City of Bandera Falls Police||US|TX
us_police|College Park Police Department||US|GA
us_police|Court House Springs Police Department||US|OH
us_police|Jailhouse Creek Police Department||US|WY
us_police|Police Department, City of Software Springs||US|CA
us_police|Department of Police, Town of Lesser Birch||US|CT
us_police|Board of Police Commissioners of Calder||US|MO
us_police|Calder Police Protection District||US|CA
us_police|Departamento de Policía de Puerto Claro||PR|
us_police|Policía Municipal de Puerto Claro||US|PR
us_police|Calder Falls Police Department, Records Division||US|OH
us_police|Calder Falls Police Department Training Division||US|OH
us_police|Calder Falls Police Dept. Communications Division||US|OH
us_police|Quell County Sheriff's Office - Detention Division||US|FL
us_police|Quell County Sheriff's Office Corrections Bureau||US|FL
us_police|Quell County Sheriff's Office, 911 Communications||US|FL
us_police||calderfallspolice.org|US|OH
us_police||quellcountysheriff.com|US|OH
us_police||quellsheriff.org||TX
us_police||police.larkmoor.gov||
us_police||larkmoorpd.gov||
us_police||sheriff.quellcounty.us||
us_police||quellconstablepct4.com|US|TX
us_police|Town of Lesser Birch|lesserbirchpd.com|US|MA
us_police|City of Calder Falls|cfpd.calderfalls.gov|US|OH
us_police|University of Brenmark|police.brenmark.edu|US|TX
us_police|Quell County|sheriff.quell.gov|US|WA
"""

FEDERAL = """
us_federal_le|FBI||US|
us_federal_le|FBI Larkmoor Field Office||US|
us_federal_le|DEA||US|DC
us_federal_le|Drug Enforcement Administration Larkmoor Division||US|
us_federal_le|U.S. Immigration and Customs Enforcement||US|
us_federal_le|ICE Enforcement and Removal Operations||US|
us_federal_le|HSI Larkmoor Field Office||US|
us_federal_le|US Customs & Border Protection||US|
us_federal_le|U.S. Border Patrol, Larkmoor Sector||US|
us_federal_le|United States Marshals Service||US|
us_federal_le|U.S. Marshals Service||US|
us_federal_le|Bureau of Alcohol, Tobacco, Firearms and Explosives||US|
us_federal_le|ATF||US|
us_federal_le|United States Secret Service||US|
us_federal_le|U.S. Park Police||US|
us_federal_le|U.S. Capitol Police||US|
us_federal_le|United States Postal Inspection Service||US|
us_federal_le|Federal Protective Service||US|
us_federal_le|Bureau of Diplomatic Security||US|
us_federal_le|Diplomatic Security Service||US|
us_federal_le|Naval Criminal Investigative Service||US|
us_federal_le|NCIS||US|
us_federal_le|IRS Criminal Investigation||US|
us_federal_le|Veterans Affairs Police, Larkmoor||US|
us_federal_le|Department of Veterans Affairs Police||US|
us_federal_le|Bureau of Indian Affairs Police||US|
us_federal_le|Pentagon Force Protection Agency||US|
us_federal_le|Amtrak Police Department||US|
us_federal_le|National Park Service Law Enforcement Rangers||US|
us_federal_le|U.S. Fish and Wildlife Service Office of Law Enforcement||US|
us_federal_le|Coast Guard Investigative Service||US|
us_federal_le|Federal Air Marshal Service||US|
us_federal_le||larkmoor.fbi.gov||
us_federal_le||ice.dhs.gov||
us_federal_le||cbp.dhs.gov||
us_police|Federal Way Police Department||US|WA
us_police|National City Police Department||US|CA
us_police|Federal Heights Police Department||US|CO
us_police|Red Hollow Nation Law Enforcement||US|SD
unknown|ATF Fluids LLC||US|OH
unknown|Dea Ceramics||US|CA
unknown|Ice House Brewing||US|CA
"""

ABROAD = """
foreign_le|Wexfold Police|wexfold.police.uk|GB|
foreign_le|Wexfold and Marsh Constabulary||GB|
foreign_le|Metropolitan Police Service||GB|
foreign_le|British Railways Transport Police||GB|
foreign_le|Police Service of Northern Vale||GB|
foreign_le|Halmer Bay Regional Police Service||CA|ON
foreign_le|Ontario Provincial Police||CA|
foreign_le|Royal Canadian Mounted Police||CA|
foreign_le|RCMP E Division||CA|
foreign_le|Gendarmerie royale du Canada||CA|
foreign_le|Sûreté du Québec||CA|
foreign_le|Service de police de la Ville de Valmorin||CA|
foreign_le|Wattle Ridge Police Force||AU|
foreign_le|Australian Federal Police||AU|
foreign_le|New Wattle Police|police.wattle.govt.nz|NZ|
foreign_le|An Garda Síochána||IE|
foreign_le|Police nationale||FR|
foreign_le|Police municipale de Valmorin||FR|
foreign_le|Direction générale de la Gendarmerie nationale||FR|
foreign_le|Préfecture de police de Valmorin||FR|
foreign_le|Police judiciaire de Valmorin||FR|
foreign_le|Police cantonale de Valmorin||CH|
foreign_le|Kantonspolizei Hafenried||CH|
foreign_le|Stadtpolizei Hafenried||CH|
foreign_le|Police locale Zone Valmorin||BE|
foreign_le|Politiezone Oosterveen||BE|
foreign_le|Polizeidirektion Hafenried||DE|
foreign_le|Polizeipräsidium Wiesental||DE|
foreign_le|Landeskriminalamt Wiesental||DE|
foreign_le|LKA Wiesental||DE|
foreign_le|Bundeskriminalamt||DE|
foreign_le|Bundespolizeidirektion Hafenried||DE|
foreign_le|Kreispolizeibehörde Hafenried||DE|
foreign_le|Landespolizeidirektion Wiesental||AT|
foreign_le|Zollfahndungsamt Hafenried||DE|
foreign_le|Policía Nacional||ES|
foreign_le|Guardia Civil, Comandancia de Peñarrubia||ES|
foreign_le|Policía Foral de Peñarrubia||ES|
foreign_le|Mossos d'Esquadra||ES|
foreign_le|Policia Local d'Alcover Alt||ES|
foreign_le|Secretaría de Seguridad Ciudadana, Policía de Tierra Alta||MX|
foreign_le|Guardia Nacional||MX|
foreign_le|Carabineros de Tierra Alta||CL|
foreign_le|Policía de Investigaciones||CL|
foreign_le|Policía Nacional Civil||GT|
foreign_le|Policía de la Provincia de Tierra Alta||AR|
foreign_le|Polícia Militar do Estado de Serra Clara||BR|
foreign_le|Polícia Civil de Serra Clara|policiacivil.sc.gov.br|BR|
foreign_le|Guarda Municipal de Serra Clara||BR|
foreign_le|Polícia Judiciária||PT|
foreign_le|Guarda Nacional Republicana||PT|
foreign_le|Polizia di Stato - Questura di Valmora||IT|
foreign_le|Questura di Valmora||IT|
foreign_le|Polizia Locale di Valmora||IT|
foreign_le|Arma dei Carabinieri||IT|
foreign_le|Guardia di Finanza||IT|
foreign_le|Politie Oosterveen||NL|
foreign_le|Koninklijke Marechaussee||NL|
foreign_le|Politiet i Nordvik||NO|
foreign_le|Nordvik politidistrikt||NO|
foreign_le|Rigspolitiet||DK|
foreign_le|Københoved Politi||DK|
foreign_le|Polismyndigheten||SE|
foreign_le|Polisen Region Nordvik||SE|
foreign_le|Poliisihallitus||FI|
foreign_le|Itä-Nordvikin poliisilaitos||FI|
foreign_le|Keskusrikospoliisi||FI|
foreign_le|Lögreglan||IS|
foreign_le|Politsei- ja Piirivalveamet||EE|
foreign_le|Valsts policija||LV|
foreign_le|Policijos departamentas||LT|
foreign_le|Komenda Miejska Policji w Borowie||PL|
foreign_le|Komenda Główna Policji||PL|
foreign_le|Straż Miejska w Borowie||PL|
foreign_le|Policie České republiky||CZ|
foreign_le|Městská policie Borov||CZ|
foreign_le|Policajný zbor||SK|
foreign_le|Rendőrség||HU|
foreign_le|Borovi Rendőrkapitányság||HU|
foreign_le|Poliția Română||RO|
foreign_le|Jandarmeria Română||RO|
foreign_le|Hrvatska policija||HR|
foreign_le|Министерство внутренних дел, полиция||RU|
foreign_le|Полиция Боровска||RU|
foreign_le|Національна поліція України||UA|
foreign_le|Министерство на вътрешните работи - Полиция||BG|
foreign_le|Ελληνική Αστυνομία||GR|
foreign_le|Emniyet Genel Müdürlüğü||TR|
foreign_le|Borova İl Emniyet Müdürlüğü||TR|
foreign_le|Jandarma Genel Komutanlığı||TR|
foreign_le|القيادة العامة لشرطة الميناء||AE|
foreign_le|Harbour Emirate Police GHQ||AE|
foreign_le|משטרת ישראל||IL|
foreign_le|सूर्यनगर पुलिस आयुक्तालय||IN|
foreign_le|Suryanagar City Police||IN|
foreign_le|Central Bureau of Investigation||IN|
foreign_le|Central Reserve Police Force||IN|
foreign_le|Office of the Inspector General of Police||KE|
foreign_le|National Police Service||KE|
foreign_le|South Vale Police Service||ZA|
foreign_le|Nigeria Police Force||NG|
foreign_le|Directorate of Criminal Investigations||KE|
foreign_le|Polisi Diraja Pulau||MY|
foreign_le|Kepolisian Daerah Pulau||ID|
foreign_le|Polda Pulau||ID|
foreign_le|Philippine National Police||PH|
foreign_le|สำนักงานตำรวจแห่งชาติ||TH|
foreign_le|Công an tỉnh Hải Lâm||VN|
foreign_le|Công an thành phố Hải Lâm||VN|
foreign_le|大浜県警察本部||JP|
foreign_le|警視庁||JP|
foreign_le|北山市公安局||CN|
foreign_le|Beishan Public Security Bureau||CN|
foreign_le|경찰청||KR|
foreign_le|National Police Agency||KR|
foreign_le|Europol||NL|
foreign_le|INTERPOL General Secretariat||FR|
foreign_le||polizei.wiesental.de||
foreign_le||police.wattle.gov.au||
foreign_le||borovpolice.gov.in||
foreign_le||rendorseg.borov.hu||
foreign_le||policia.serraclara.gov.br||
foreign_le||police.pref.ohama.jp||
foreign_le||policja.borow.gov.pl||
foreign_le||police.gov.xy|KE|
"""

NO_POLICE = """
unknown|Ferrow Police Museum||US|OH
unknown|National Museum of Police History||US|DC
unknown|Ferrow Police Credit Union||US|CA
unknown|Police & Fire Federal Credit Union||US|PA
unknown|Ferrow Police Federal Credit Union||US|PA
unknown|Ferrow Police Supply Shop||US|TX
unknown|Quell County Police Supply LLC|quellpolicesupply.com|US|TX
unknown|Galloway's Police Uniforms & Equipment||US|TX
unknown|Ferrow Police Union||US|MA
unknown|Ferrow Police Officers Association||US|CA
unknown|Ferrow Police Officers' Federation||US|MN
unknown|Ferrow Deputy Sheriffs' Association||US|CA
unknown|Sheriffs' Association of Northern Vale||US|TX
unknown|International Association of Chiefs of Police||US|VA
unknown|Northern Vale Association of Chiefs of Police||US|MA
unknown|Fraternal Order of Police Lodge 12||US|OH
unknown|Ferrow Police Foundation||US|CO
unknown|Friends of the Ferrow Police||US|CO
unknown|Ferrow Police Pension Fund||US|IL
unknown|Ferrow Police Pension Board||US|FL
unknown|Firemen's and Policemen's Pension Fund of Ferrow||US|TX
unknown|Sheriffs' Pension and Relief Fund||US|LA
unknown|Ferrow Police Pipes and Drums Band||US|NY
unknown|Ferrow Police Choir||GB|
unknown|The Police Tribute Band||US|NV
unknown|Ferrow Police Athletic League||US|NY
unknown|Ferrow Police Explorers Post 12||US|CA
unknown|Ferrow Police Wives Association||US|CA
unknown|Police Street Bakery||US|WA
unknown|Old Police Station Hotel||GB|
unknown|The Old Police House Guest House||GB|
unknown|Police Station Coffee Roasters||US|WA
unknown|Sheriff Street Dental Clinic||US|WA
unknown|Marshal Avenue Apartments||US|WA
unknown|Constable Street Gallery||US|PA
unknown|Grammar Police Editing Services||US|OR
unknown|Fashion Police Boutique||US|CA
unknown|Noise Police Podcast||US|CA
unknown|Police Academy Fan Club||US|CA
unknown|Ferrow Policy Institute||US|DC
unknown|Center for Police Reform||US|NY
unknown|Institute for Policing Research||US|NY
unknown|Campaign Against Police Violence||US|NY
unknown|Families United Against Police Brutality||US|MN
unknown|Defund the Police Coalition||US|MN
unknown|Police1 News||US|CA
unknown|Police Magazine||US|CA
unknown|Police Chief Magazine||US|VA
unknown|Ferrow Police Auctions||US|CA
unknown|Police Memorial Trust||GB|
unknown|Retired Police Officers of Ferrow||US|NY
unknown|Police Jury of Belmarais Parish||US|LA
unknown|Belmarais Police Jury Association||US|LA
unknown|Justice Valley Software||US|UT
unknown|Sheriff Auto Group||US|TX
unknown|Marshall Amplification||GB|
unknown|Marshal Rock Climbing Gym||US|CO
unknown|Ranger Trucks of Ferrow||US|TX
unknown|Park Ranger Outfitters||US|CO
unknown|Patrol Security Guards Inc.||US|TX
unknown|Ferrow Home Watch Patrol||US|FL
unknown|Ski Patrol Association||US|CO
unknown|Paw Patrol Pet Grooming||US|FL
unknown|Trooper Coffee||US|AK
unknown|Constable & Sons Solicitors||GB|
unknown|Sheriff's Ranch Barbecue||US|TX
unknown|Ferrow Office of the Public Defender||US|FL
unknown|Pinecote Fire Police Association||US|PA
unknown|Ferrow Fire Department||US|OH
unknown|Ferrow Fire and Rescue||US|OH
unknown|Ferrow State Fire Marshal||US|OH
unknown|Grand Marshal Parade Committee||US|OH
unknown|Field Marshal Games||US|OH
unknown|Policewear Ltd||GB|
unknown|Politico Media||US|DC
unknown|Metropolis Architects||US|NY
unknown|Acropolis Travel||GR|
unknown|Poliza Seguros||ES|
unknown|Pólizas y Seguros del Norte||MX|
unknown|Polis Kitap Yayınları|poliskitap.com|SE|
unknown|Gewerkschaft der Polizei||DE|
unknown|Polizeichor Hafenried e.V.||DE|
unknown|Polizeisportverein Hafenried||DE|
unknown|Sindicato Unificado de Policía||ES|
unknown|Syndicat Alliance Police||FR|
unknown|Mutuelle de la Police||FR|
unknown|Museo de la Policía Nacional||CO|
unknown|Associação dos Oficiais da Polícia Militar||BR|
unknown|Sindicato dos Policiais Civis||BR|
unknown|Cooperativa de Crédito dos Policiais||BR|
unknown|Associazione Nazionale Polizia di Stato||IT|
unknown|Sindacato Autonomo di Polizia||IT|
unknown|Nederlandse Politiebond||NL|
unknown|Polisförbundet||SE|
unknown|Politiforbundet||DK|
unknown|Krimi & Polizei Verlag||DE|
unknown|Police Federation of Wexfold||GB|
unknown|Police Mutual Assurance||GB|
unknown|Police Bank||AU|
unknown|Police Health Insurance||AU|
unknown|Police Citizens Youth Club||AU|
unknown||policecreditunion.org|US|CA
unknown||policesupplyshop.com|US|CA
unknown||grammarpolice.com|US|
unknown||polizeichor-hafenried.de||
unknown||ferrowpoliceunion.org|US|
unknown||policemuseum.org.uk||
unknown||sheriffcoffee.com|US|
unknown||policyinstitute.org|US|
unknown||rapids.com|US|
"""

BESIDE = """
le_adjacent|Quell County District Attorney's Office||US|TX
le_adjacent|Quell County Prosecutor's Office||US|NJ
le_adjacent|Office of the State's Attorney for Quell County||US|MD
le_adjacent|Quell County Commonwealth's Attorney||US|VA
le_adjacent|Quell County Attorney||US|AZ
le_adjacent|Calder City Prosecutor||US|AZ
le_adjacent|District Attorney's Bureau of Investigation||US|CA
le_adjacent|Attorney General of Northern Vale||US|OH
le_adjacent|U.S. Attorney's Office, District of Northern Vale||US|
le_adjacent|Solicitor General's Office of Quell County||US|GA
le_adjacent|Crown Prosecution Service||GB|
le_adjacent|Staatsanwaltschaft Hafenried||DE|
le_adjacent|Fiscalía General de Tierra Alta||MX|
le_adjacent|Parquet de Valmorin, tribunal judiciaire||FR|
le_adjacent|Ministério Público de Serra Clara||BR|
le_adjacent|Procura della Repubblica di Valmora||IT|
le_adjacent|Quell County Superior Court||US|CA
le_adjacent|Quell County Circuit Clerk||US|IL
le_adjacent|Calder Municipal Court||US|OH
le_adjacent|Northern Vale Supreme Court||US|OH
le_adjacent|Quell County Court of Common Pleas||US|PA
le_adjacent|U.S. District Court for Northern Vale||US|
le_adjacent|Amtsgericht Hafenried||DE|
le_adjacent|HM Courts and Tribunals Service||GB|
le_adjacent|Quell County Jail||US|OH
le_adjacent|Quell County Detention Center||US|NM
le_adjacent|Quell County Correctional Facility||US|NJ
le_adjacent|Northern Vale Department of Corrections||US|FL
le_adjacent|Northern Vale Department of Correction||US|MA
le_adjacent|Western Regional Jail Authority||US|VA
le_adjacent|Quell County Adult Probation||US|TX
le_adjacent|Northern Vale Board of Pardons and Parole||US|GA
le_adjacent|Federal Bureau of Prisons||US|
le_adjacent|HM Prison Wexfold||GB|
le_adjacent|HM Prison and Probation Service||GB|
le_adjacent|Justizvollzugsanstalt Hafenried||DE|
le_adjacent|Quell County 911||US|OR
le_adjacent|Quell County E-911||US|AL
le_adjacent|Quell County Emergency Communications Center||US|VA
le_adjacent|Quell Regional Dispatch||US|CT
le_adjacent|Police and Fire Dispatch Center of Quell||US|OH
le_adjacent|Quell Police and Fire Communications||US|OH
le_adjacent|Sheriff's Dispatch Authority of Quell||US|MI
le_adjacent|Integrierte Leitstelle Hafenried||DE|
le_adjacent|Northern Vale Police Academy||US|NY
le_adjacent|Northern Vale Law Enforcement Academy||US|NM
le_adjacent|Commission on Law Enforcement Standards||US|AR
le_adjacent|Police Officer Standards and Training Council||US|CT
le_adjacent|Police Training Institute||US|IL
le_adjacent|College of Policing||GB|
le_adjacent|Hochschule der Polizei Wiesental||DE|
le_adjacent|Academia de Policía de Tierra Alta||MX|
le_adjacent|Wyższa Szkoła Policji||PL|
le_adjacent|École nationale de police de Valmorin||FR|
le_adjacent|Civilian Complaint Review Board, Police||US|NY
le_adjacent|Office of the Police Monitor||US|TX
le_adjacent|Independent Office for Police Conduct||GB|
le_adjacent|Office of the Police and Crime Commissioner for Wexfold||GB|
le_adjacent|Department of the Interior Office of Inspector General||US|
le_adjacent|Quell County Medical Examiner||US|TX
le_adjacent|Quell County Coroner's Office||US|OH
le_adjacent|Northern Vale State Crime Laboratory||US|ND
le_adjacent|Crime Stoppers of Quell||US|TX
le_adjacent|Quell County Crime Victims Services||US|CO
"""

SELLERS = """
le_vendor|Sablewatch Body Cameras Inc.||US|UT
le_vendor|Sablewatch Public Safety Software||US|
le_vendor|Lumen Police Analytics||US|
le_vendor|Law Enforcement Cloud LLC||US|
le_vendor|Calder Police Technologies GmbH||DE|
le_vendor|Harrow ALPR Systems||US|
le_vendor|Gallery Mugshot Search Inc||US|
le_vendor|CopDesk Report Writing Software for Police||US|
le_vendor|Evidence Vault for Law Enforcement, Inc.||US|
le_vendor|Gunshot Detection Partners Ltd||GB|
le_vendor|Polizei-Software Hafenried GmbH||DE|
le_vendor||axon.com||
le_vendor||mail.flocksafety.com|US|
unknown|Axonal Biotech||US|
unknown|Evidence Based Medicine Ltd||GB|
unknown|Justice Center Software LLC||US|
"""

UMBRELLAS = """
umbrella|City of Calder Falls|calderfalls.gov|US|OH
umbrella|Calder Falls, City of||US|OH
umbrella|City & County of Calder||US|CO
umbrella|Town of Lesser Birch||US|CT
umbrella|Village of Justice Grove||US|IL
umbrella|City of Marshall Springs||US|TX
umbrella|City of Police Creek||US|TX
umbrella|City of Ranger Falls||US|TX
umbrella|Quell County|quellcounty.gov|US|OH
umbrella|Quell County Government||US|OH
umbrella|Quell Parish Council||US|LA
umbrella|Quell County Board of Commissioners||US|OH
umbrella|Constable Township||US|PA
umbrella|Sheriffton Borough Council||US|PA
umbrella|University of Brenmark|brenmark.edu|US|MA
umbrella|Brenmark College||US|MA
umbrella|Quell Independent School District|quellisd.org|US|TX
umbrella|Quell Unified School District||US|CA
umbrella|Larkmoor Transit Authority||US|TX
umbrella|Metropolitan Larkmoor Transportation Authority||US|TX
umbrella|Port of Larkmoor||US|WA
umbrella|Larkmoor Airport Authority||US|TX
umbrella|Larkmoor Housing Authority||US|NY
umbrella|Red Hollow Nation|redhollow-nsn.gov|US|OK
umbrella|Department of Homeland Security||US|
umbrella|Department of Justice||US|
umbrella|State of Northern Vale Department of Public Safety||US|
umbrella|Home Office|homeoffice.gov.uk|GB|
umbrella|Ministry of Interior||AE|
umbrella|Ministère de l'Intérieur||FR|
umbrella|Bundesministerium des Innern||DE|
umbrella|Ministerio del Interior||ES|
umbrella|Ministero dell'Interno||IT|
umbrella|Ministerstwo Spraw Wewnętrznych||PL|
umbrella|Министерство внутренних дел||RU|
umbrella|İçişleri Bakanlığı||TR|
umbrella|Ayuntamiento de Peñarrubia||ES|
umbrella|Prefeitura Municipal de Serra Clara||BR|
umbrella|Stadt Hafenried||DE|
umbrella|Mairie de Valmorin||FR|
umbrella|Comune di Valmora||IT|
umbrella|Gemeente Oosterveen||NL|
umbrella|Urząd Miasta Borów||PL|
umbrella|Wexfold County Council||GB|
umbrella|London Borough of Wexfold||GB|
umbrella|Universität Hafenried||DE|
"""

TABLES = {
    "police in America": POLICE_IN_AMERICA,
    "federal": FEDERAL,
    "abroad": ABROAD,
    "no police": NO_POLICE,
    "beside": BESIDE,
    "sellers": SELLERS,
    "umbrellas": UMBRELLAS,
}
ROWS = [line for table in TABLES.values() for line in table.split("\n")[1:-1]]


@pytest.mark.parametrize("line", ROWS)
def test_a_body_is_of_the_class_that_its_name_and_domain_speak_for(line: str) -> None:
    expected, name, domain, country, state = line.split("|")
    said = classify(name, domain, country, state, PATTERNS)
    assert said.tenant_class == expected, said.evidence
    assert (said.confidence == 0) == (expected == "unknown")


def test_the_table_is_long_and_holds_near_misses() -> None:
    assert len(ROWS) == len(set(ROWS)) > 400
    police = [line for line in ROWS if line.split("|")[0] in POLICE]
    assert 0.4 < len(police) / len(ROWS) < 0.6
